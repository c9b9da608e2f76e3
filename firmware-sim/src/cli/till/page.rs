//! A till behind a page: served to the browser beside it until it is told to stop.

use std::io::{self, IsTerminal as _, Write as _};
use std::net::SocketAddr;
use std::path::PathBuf;

use firmware_sim::desk::Desk;
use firmware_sim::files::CardOnFile;
use firmware_sim::phrases::Language;
use firmware_sim::till_page::driver::{Cards, Driver, Left};
use firmware_sim::till_page::serve::Page;
use uuid::Uuid;

use crate::cli::Failure;

/// Serves until Ctrl-C or SIGTERM, or until the till was withdrawn.
pub(super) async fn run(
    desk: Desk,
    cards: Cards,
    staff: Option<Uuid>,
    address: SocketAddr,
    language: Language,
) -> Result<(Desk, Left), Failure> {
    let (driver, asking) = Driver::new(desk, cards, staff);
    let stopped = driver.stopper();
    let page = Page::listen(address, asking).await.map_err(|error| format!("{address}: {error}"))?;
    // whoever started the till may not listen: it sells all the same
    let mut out = io::stdout();
    let _ = writeln!(out, "{} {}", language.pick("De kassa staat klaar op", "The till is ready at"), page.url());
    if out.is_terminal() {
        let _ = writeln!(out, "{}", language.pick("Ctrl-C sluit de kassa.", "Ctrl-C closes the till."));
    }
    tokio::spawn(page.serve());
    tokio::spawn(async move {
        let ended = tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate());
        match ended {
            Ok(mut terminated) => {
                tokio::select! {
                    _ = tokio::signal::ctrl_c() => {}
                    _ = terminated.recv() => {}
                }
            }
            Err(_) => drop(tokio::signal::ctrl_c().await),
        }
        stopped.stop();
    });
    Ok(driver.run().await)
}

/// Virtual cards by what stands on them, of files and folders: a tray for a demo.
pub(super) fn tray(named: &[PathBuf]) -> Result<Vec<(String, PathBuf)>, Failure> {
    let mut tray = Vec::new();
    for path in named {
        if !path.is_dir() {
            tray.push((CardOnFile::open(path)?.label.clone(), path.clone()));
            continue;
        }
        let unreadable = |error| format!("{}: {error}", path.display());
        for entry in std::fs::read_dir(path).map_err(unreadable)? {
            let path = entry.map_err(unreadable)?.path();
            if path.extension().is_some_and(|ending| ending == "json")
                // what is no card is something else's file
                && let Ok(card) = CardOnFile::open(&path)
            {
                tray.push((card.label.clone(), path));
            }
        }
    }
    tray.sort();
    // two cards of one client are told apart by their files
    let labels: Vec<String> = tray.iter().map(|(label, _)| label.clone()).collect();
    for (label, path) in &mut tray {
        if labels.iter().filter(|known| *known == label).count() > 1 {
            let file = path.file_stem().and_then(|stem| stem.to_str()).unwrap_or_default();
            *label = format!("{label} ({file})");
        }
    }
    if tray.is_empty() {
        return Err("there is no virtual card for the tray".into());
    }
    Ok(tray)
}
