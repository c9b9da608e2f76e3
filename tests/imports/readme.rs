//! The README's way to a first budget, and the demo's.

use std::process::{Command, Stdio};

use diesel_async::RunQueryDsl;
use pasje::services::verify::verify;

use crate::house::Text;
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

#[tokio::test(flavor = "multi_thread")]
async fn each_budget_of_the_demo_follows_from_an_indication_by_a_scheme() {
    let test = TestDatabase::new().await;
    let folder = std::env::temp_dir().join(format!("pasje-demo-{}", uuid::Uuid::now_v7().simple()));
    let output = Command::new(env!("CARGO_BIN_EXE_pasje"))
        .arg("--data")
        .arg(&folder)
        .args(["demo", "--out"])
        .arg(folder.join("files"))
        .env("DATABASE_URL", test.service_url.secret())
        .env_remove("DATABASE_OWNER_URL")
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let ask = async |sql: &str| {
        let query = diesel::sql_query(format!("SELECT ({sql})::text AS text"));
        let found: Text = query.get_result(&mut test.owner().await).await.unwrap();
        found.text.unwrap_or_default()
    };
    // whom nothing was granted: no indication; an indication without a tariff. Who has left is in no month.
    let of = "SELECT string_agg(number::text, ' ' ORDER BY number) FROM client";
    assert_eq!(ask(&format!("{of} JOIN month_grant AS g USING (wallet) WHERE g.operation IS NULL")).await, "9005 9006");
    assert_eq!(ask(&format!("{of} JOIN wallet AS w ON w.id = wallet WHERE month IS NULL")).await, "9010");
    assert_eq!(ask("SELECT count(*) FROM month_grant WHERE data_error IS NOT NULL").await, "1");
    let granted = "SELECT string_agg(granted, ' ' ORDER BY granted) FROM (SELECT name || ' ' || count(*) AS granted \
        FROM month_grant AS g JOIN scheme AS s ON s.id = g.scheme WHERE g.budget > 0 AND s.source IS NOT NULL GROUP BY name) AS by_scheme";
    assert_eq!(ask(granted).await, "amsta 11 archipel 15 zzg 11");
    assert_eq!(
        ask("SELECT count(*) FROM ledger.operation WHERE kind = 12").await,
        "37",
        "nobody granted anything by hand"
    );
    let report = verify(&mut test.service().await, |_| {}).await.unwrap();
    assert!(report.holds(), "{:#?}", report.failed().collect::<Vec<_>>());
    std::fs::remove_dir_all(&folder).unwrap();
}
