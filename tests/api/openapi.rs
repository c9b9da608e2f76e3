//! The API's description and its page.

use std::collections::BTreeSet;

use serde_json::Value;

use crate::service::House;

const ROUTES: &str = include_str!("../../src/http/mod.rs");
const HANDLERS: &[&str] = &[
    include_str!("../../src/http/api/clients.rs"),
    include_str!("../../src/http/api/months.rs"),
    include_str!("../../src/http/api/buffer_draws.rs"),
    include_str!("../../src/http/api/top_ups.rs"),
    include_str!("../../src/http/api/bought_points.rs"),
    include_str!("../../src/http/api/payouts.rs"),
    include_str!("../../src/http/api/unplanned_care.rs"),
    include_str!("../../src/http/api/absences.rs"),
    include_str!("../../src/http/api/imports.rs"),
    include_str!("../../src/http/api/plan_lines.rs"),
    include_str!("../../src/http/api/plan_reviews.rs"),
    include_str!("../../src/http/api/cost_prices.rs"),
    include_str!("../../src/http/api/leaving.rs"),
    include_str!("../../src/http/api/agenda_addresses.rs"),
    include_str!("../../src/http/api/staffing.rs"),
    include_str!("../../src/http/api/standings.rs"),
    include_str!("../../src/http/agenda.rs"),
    include_str!("../../src/http/api/tasks.rs"),
    include_str!("../../src/http/api/reports.rs"),
    include_str!("../../src/http/api/holds.rs"),
    include_str!("../../src/http/api/sales.rs"),
    include_str!("../../src/http/api/cards.rs"),
    include_str!("../../src/http/api/card_scripts.rs"),
    include_str!("../../src/http/api/forwards.rs"),
    include_str!("../../src/http/api/catalogue.rs"),
    include_str!("../../src/http/api/hotlist.rs"),
    include_str!("../../src/http/api/heartbeat.rs"),
    include_str!("../../src/http/api/enrolments.rs"),
    include_str!("../../src/http/agenda.rs"),
    include_str!("../../src/http/health.rs"),
];

/// Method, path and name of each handler, as the code declares them.
fn handlers() -> BTreeSet<(String, String, String)> {
    let mut found = BTreeSet::new();
    for text in HANDLERS {
        let scope = if text.contains("/healthz") || text.contains("#[get(\"/agenda/") { "" } else { "/api/v1" };
        let mut lines = text.lines();
        while let Some(line) = lines.next() {
            for method in ["get", "post", "put", "delete"] {
                let Some(path) = line.strip_prefix(&format!("#[{method}(\"")) else { continue };
                let path = path.trim_end_matches("\")]");
                let name = lines.next().unwrap().trim_start_matches("pub async fn ").split('(').next().unwrap();
                found.insert((method.to_owned(), format!("{scope}{path}"), name.to_owned()));
            }
        }
    }
    found
}

#[tokio::test]
async fn the_description_lists_every_route_and_its_page_loads() {
    let house = House::open().await;
    let serving = house.serve();
    let reply = serving.get_unsigned("/api/openapi.json");
    let description: Value = reply.decided();
    let mut described = BTreeSet::new();
    for (path, methods) in description["paths"].as_object().unwrap() {
        for (method, operation) in methods.as_object().unwrap() {
            described.insert((method.clone(), path.clone(), operation["operationId"].as_str().unwrap().to_owned()));
        }
    }
    assert_eq!(described, handlers());
    // and every handler is one that the service has: named in its routes, and answering at its address
    let named = ROUTES.matches(".service(api::").count()
        + ROUTES.matches(".service(health::").count()
        + ROUTES.matches(".service(agenda::").count();
    assert_eq!(named, described.len());
    for (method, path, name) in &described {
        assert!(ROUTES.contains(&format!("::{name})")), "{name}");
        let target = crate::integration::target(path);
        let method = method.to_uppercase();
        let head = format!("{method} {target} HTTP/1.1\r\nHost: {}\r\nContent-Length: 0\r\n\r\n", serving.authority());
        let wanted = match name.as_str() {
            // who enrols has nothing to sign with
            "enrol" => 415,
            // a secret address that nobody was told
            "poll" | "show_agenda" => 404,
            _ if path.starts_with("/api/v1") => 401,
            _ => 200,
        };
        assert_eq!(serving.ask(head.as_bytes()).status, wanted, "{method} {path}");
    }
    // every shape that is referred to is there
    let text = reply.text();
    for reference in text.split("#/components/schemas/").skip(1) {
        let name = reference.split('"').next().unwrap();
        assert!(description["components"]["schemas"].get(name).is_some(), "{name}");
    }

    let mut page = serving.get_unsigned("/api/docs");
    while let Some(place) = page.header("location").map(str::to_owned) {
        page = serving.get_unsigned(&place.replacen("./", "/api/", 1));
    }
    assert_eq!(
        (page.status, page.header("content-type").unwrap().starts_with("text/html")),
        (200, true),
        "{}",
        page.text()
    );
    let initializer = serving.get_unsigned("/api/docs/swagger-initializer.js");
    assert!(initializer.status == 200 && initializer.text().contains("/api/openapi.json"), "{}", initializer.text());
    for asset in ["swagger-ui.css", "swagger-ui-bundle.js", "index.css"] {
        let reply = serving.get_unsigned(&format!("/api/docs/{asset}"));
        assert!(reply.status == 200 && !reply.body.is_empty(), "{asset}: {}", reply.status);
    }
    // nothing of it comes from elsewhere
    assert!(!page.text().contains("http://") && !page.text().contains("https://"), "{}", page.text());
}

#[test]
fn no_two_shapes_have_one_name() {
    let mut names = BTreeSet::new();
    for text in HANDLERS {
        for name in text.split("#[schema(as = ").skip(1).map(|rest| rest.split(')').next().unwrap()) {
            assert!(names.insert(name), "{name}");
        }
    }
    assert!(names.len() > 20);
}
