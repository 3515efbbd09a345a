//! Start a host of 1.9.0 or 1.9.1: `main` of `wasmcloud` does the same.

use std::future::Future;
use std::sync::Arc;

use anyhow::{Context, Result};
use nkeys::KeyPair;
use wasmcloud_host::nats::builder::NatsHostBuilder;
use wasmcloud_host::nats::connect_nats;
use wasmcloud_host::wasmbus::{Host, HostConfig};

/// Start a host. It serves requests on return.
///
/// Returns the host, and a future that shuts it down.
pub async fn start(
    host: HostConfig,
    key: KeyPair,
    topic_prefix: Option<String>,
) -> Result<(Arc<Host>, impl Future<Output = Result<()>>)> {
    let host_key = Arc::new(key);
    let nats = connect_nats(host.rpc_nats_url.as_str(), None, None, false, None, None)
        .await
        .context("no connection for requests")?;
    let (builder, server) = NatsHostBuilder::new(
        nats,
        topic_prefix,
        host.lattice.to_string(),
        host.js_domain.clone(),
        Some(host.oci_opts.clone()),
        host.labels.clone().into_iter().collect(),
        host.config_service_enabled,
        host.enable_component_auction,
        host.enable_provider_auction,
    )
    .await?
    .with_event_publisher(host_key.public_key())
    .build(HostConfig { host_key, ..host })
    .await?;
    let (host, shutdown) = builder.build().await?;
    let mut requests = server.start(Arc::clone(&host)).await?;
    let shutdown = async move {
        requests.abort_all();
        shutdown.await
    };
    Ok((host, shutdown))
}
