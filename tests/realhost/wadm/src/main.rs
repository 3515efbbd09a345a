//! A real wadm for the contract tests: the public `wadm` library, with its own options on the command line.
//!
//! It prints `ready` when it has started. It exits on SIGTERM, SIGINT, and when its standard input is closed,
//! which happens when the parent process ends. Its log goes to standard error and is filtered by `RUST_LOG`.

use std::io::Read;

use anyhow::{bail, Context, Result};
use clap::Parser;
use tokio::signal::unix::{signal, SignalKind};
use tokio::sync::oneshot;
use tracing_subscriber::EnvFilter;
use wadm::config::WadmConfig;

/// Completes when standard input is closed. A thread reads it, because tokio cannot cancel a read of it.
fn end_of_input() -> oneshot::Receiver<()> {
    let (sender, receiver) = oneshot::channel();
    std::thread::spawn(move || {
        let mut buffer = [0; 64];
        while matches!(std::io::stdin().read(&mut buffer), Ok(count) if count > 0) {}
        // The receiver is gone if wadm has ended for another reason.
        let _ = sender.send(());
    });
    receiver
}

/// Run wadm until it has to exit.
async fn run(config: WadmConfig) -> Result<()> {
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut tasks = wadm::start_wadm(config).await.context("wadm did not start")?;
    println!("ready");
    tokio::select! {
        _ = terminate.recv() => Ok(()),
        _ = interrupt.recv() => Ok(()),
        _ = end_of_input() => Ok(()),
        ended = tasks.join_next() => match ended {
            Some(outcome) => outcome.context("wadm panicked")?.context("wadm failed"),
            None => bail!("wadm has no tasks"),
        },
    }
}

fn main() -> Result<()> {
    tracing_subscriber::fmt()
        .with_env_filter(EnvFilter::from_default_env())
        .with_writer(std::io::stderr)
        .init();
    let runtime = tokio::runtime::Runtime::new().context("no tokio runtime")?;
    let outcome = runtime.block_on(run(WadmConfig::parse()));
    // Do not wait for the tasks: they run for ever.
    runtime.shutdown_background();
    outcome
}
