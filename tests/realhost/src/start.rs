//! Start a host of all versions except 1.9.0 and 1.9.1.

use std::future::Future;
use std::sync::Arc;

use anyhow::Result;
use nkeys::KeyPair;
use wasmcloud_host::wasmbus::{Host, HostConfig};

/// Start a host. It serves requests on return.
///
/// Returns the host, and a future that shuts it down.
pub async fn start(
    host: HostConfig,
    key: KeyPair,
    topic_prefix: Option<String>,
) -> Result<(Arc<Host>, impl Future<Output = Result<()>>)> {
    let mut config = HostConfig {
        host_key: Some(Arc::new(key)),
        ctl_nats_url: host.rpc_nats_url.clone(),
        ..host
    };
    if let Some(prefix) = topic_prefix {
        config.ctl_topic_prefix = prefix;
    }
    Host::new(config).await
}
