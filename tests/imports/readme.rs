//! The README's way to a first budget.

use std::process::{Command, Stdio};

use crate::support::TestDatabase;

/// Its commands, without the service that would run for ever.
fn commands() -> String {
    let readme = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/README.md")).unwrap();
    let section = readme.split("\n## ").find(|section| section.starts_with("The first budget\n")).unwrap();
    let (_, block) = section.split_once("```sh\n").unwrap();
    let (block, _) = block.split_once("```").unwrap();
    let lines: Vec<&str> = block.lines().filter(|line| !line.starts_with("pasje serve")).collect();
    assert_eq!(lines.len() + 1, block.lines().count(), "{block}");
    // the files beside the database's, not beside the sources
    lines.join("\n").replace("--out ", "--out \"$folder\"/")
}

#[tokio::test(flavor = "multi_thread")]
async fn the_first_budget_comes_about_as_the_readme_says() {
    let test = TestDatabase::new().await;
    let folder = std::env::temp_dir().join(format!("pasje-readme-{}", uuid::Uuid::now_v7().simple()));
    std::fs::create_dir(&folder).unwrap();
    let script = format!("set -euo pipefail\npasje() {{ \"$program\" --data \"$folder\" \"$@\"; }}\n{}", commands());
    let output = Command::new("bash")
        .args(["-c", &script])
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .env("program", env!("CARGO_BIN_EXE_pasje"))
        .env("folder", &folder)
        .env("DATABASE_URL", test.service_url.secret())
        .env_remove("DATABASE_OWNER_URL")
        .stdin(Stdio::null())
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stdout) + String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}");
    // five clients have an indication; all of them a tariff
    let grants = said.lines().filter(|line| line.trim_end().ends_with(" grants") && line.trim().starts_with("5 "));
    assert_eq!(grants.count(), 2, "dry run and opening: {said}");
    assert!(said.contains("mw. A. de Vries (fictief), cliënt 8101") && said.contains("= budget"), "{said}");
    assert!(folder.join("card.json").exists() && folder.join("dossier.key.json").exists(), "{said}");
    std::fs::remove_dir_all(&folder).unwrap();
}
