//! A real wasmCloud host for the contract tests: the public `wasmcloud-host` library, configured on the
//! command line. The version is that of the package: `versions` has one for each version of the host.
//! The module `start` has what depends on the version.
//!
//! It prints `ready <host id>` when it serves requests. It exits on SIGTERM, SIGINT, a stop_host command,
//! and, with `--until-eof`, when its standard input is closed. Its log goes to standard error and is
//! filtered by `RUST_LOG`.

use std::collections::HashMap;
use std::io::Read;
use std::time::Duration;

use anyhow::{bail, Context, Result};
use nkeys::KeyPair;
use tokio::signal::unix::{signal, SignalKind};
use tokio::sync::oneshot;
use tokio::time::{timeout, timeout_at};
use tracing_subscriber::EnvFilter;
use wasmcloud_host::wasmbus::HostConfig;

#[cfg_attr(feature = "host-builder", path = "start_with_builder.rs")]
mod start;

const USAGE: &str = "usage: realhost --nats URL [--lattice NAME] [--label KEY=VALUE]... \
    [--topic-prefix PREFIX] [--js-domain NAME] [--heartbeat SECONDS] \
    [--no-component-auction] [--no-provider-auction] [--until-eof]";

/// The version of the host that contains this library. A host reports it instead of the library's version.
const HOST_VERSION: &str = env!("CARGO_PKG_VERSION");

/// The default timeout of a shutdown.
const SHUTDOWN_LIMIT: Duration = Duration::from_secs(10);

/// The parsed command line.
struct Settings {
    host: HostConfig,
    topic_prefix: Option<String>,
    until_eof: bool,
}

/// Parse the command line.
fn settings(mut arguments: impl Iterator<Item = String>) -> Result<Settings> {
    let mut host = HostConfig {
        allow_file_load: true,
        version: HOST_VERSION.into(),
        provider_shutdown_delay: Some(Duration::from_millis(300)),
        ..HostConfig::default()
    };
    let mut nats = None;
    let mut labels = HashMap::new();
    let mut topic_prefix = None;
    let mut until_eof = false;
    while let Some(argument) = arguments.next() {
        let mut value = || {
            arguments
                .next()
                .with_context(|| format!("{argument} needs a value\n{USAGE}"))
        };
        match argument.as_str() {
            "--nats" => nats = Some(value()?),
            "--lattice" => host.lattice = value()?.into(),
            "--label" => {
                let label = value()?;
                let (key, text) = label.split_once('=').context("--label is not KEY=VALUE")?;
                labels.insert(key.into(), text.into());
            }
            "--topic-prefix" => topic_prefix = Some(value()?),
            "--js-domain" => host.js_domain = Some(value()?),
            "--heartbeat" => {
                let seconds: f64 = value()?.parse().context("--heartbeat is not a number")?;
                let interval =
                    Duration::try_from_secs_f64(seconds).context("--heartbeat is out of range")?;
                if interval.is_zero() {
                    bail!("--heartbeat must be above 0");
                }
                // Older versions have a fixed interval of 30 seconds.
                #[cfg(feature = "heartbeat-interval")]
                {
                    host.heartbeat_interval = Some(interval);
                }
            }
            #[cfg(feature = "auction-switches")]
            "--no-component-auction" => host.enable_component_auction = false,
            #[cfg(feature = "auction-switches")]
            "--no-provider-auction" => host.enable_provider_auction = false,
            "--until-eof" => until_eof = true,
            _ => bail!("unknown argument {argument}\n{USAGE}"),
        }
    }
    let nats = nats.with_context(|| USAGE.to_string())?;
    host.rpc_nats_url = nats.parse().ok().context("--nats is not a URL")?;
    host.labels = labels;
    Ok(Settings {
        host,
        topic_prefix,
        until_eof,
    })
}

/// Completes when standard input is closed, which happens when the parent process ends.
/// It is read on a thread, because tokio cannot cancel a read of standard input when the host exits.
fn end_of_input() -> oneshot::Receiver<()> {
    let (sender, receiver) = oneshot::channel();
    std::thread::spawn(move || {
        let mut buffer = [0; 64];
        while matches!(std::io::stdin().read(&mut buffer), Ok(count) if count > 0) {}
        // The receiver is gone if the host has ended for another reason.
        let _ = sender.send(());
    });
    receiver
}

/// Run one host until it has to exit.
async fn run(settings: Settings) -> Result<()> {
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    let key = KeyPair::new_server();
    let host_id = key.public_key();
    let (host, shutdown) = start::start(settings.host, key, settings.topic_prefix)
        .await
        .context("the host did not start")?;
    println!("ready {host_id}");

    let input_ended = async {
        if settings.until_eof {
            let _ = end_of_input().await;
        } else {
            std::future::pending::<()>().await;
        }
    };
    let deadline = tokio::select! {
        _ = terminate.recv() => None,
        _ = interrupt.recv() => None,
        () = input_ended => None,
        stopped = host.stopped() => stopped?,
    };
    // Only the shutdown may keep a reference to the host.
    drop(host);
    match deadline {
        Some(deadline) => timeout_at(deadline, shutdown).await,
        None => timeout(SHUTDOWN_LIMIT, shutdown).await,
    }
    .context("the host took too long to shut down")?
}

fn main() -> Result<()> {
    tracing_subscriber::fmt()
        .with_env_filter(EnvFilter::from_default_env())
        .with_writer(std::io::stderr)
        .init();
    let settings = settings(std::env::args().skip(1))?;
    let runtime = tokio::runtime::Runtime::new().context("no tokio runtime")?;
    let outcome = runtime.block_on(run(settings));
    // Ending the tasks kills their providers. A component may keep a thread busy forever, hence the timeout.
    runtime.shutdown_timeout(Duration::from_secs(2));
    outcome
}
