//! The list of problems: documented, each one seen by a test, and what is ours told to nobody.

use std::path::{Path, PathBuf};

use actix_web::ResponseError;
use actix_web::body::MessageBody;
use pasje::domain::request::Problem as RequestProblem;
use pasje::http::problem::{Problem, SORTS, document};
use pasje::services::authorise::AuthoriseError;
use pasje::services::book::BookError;

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

#[test]
fn the_page_of_errors_is_made_from_the_table_of_problems() {
    let page = root().join("docs/ERRORS.md");
    if std::env::var_os("PASJE_WRITE_DOCS").is_some() {
        std::fs::write(&page, document()).unwrap();
    }
    let written = std::fs::read_to_string(&page).unwrap_or_default();
    let how = "PASJE_WRITE_DOCS=1 cargo nextest run --test api the_page_of_errors";
    assert!(written == document(), "docs/ERRORS.md is not what src/http/problem.rs says: make it anew with `{how}`");
}

#[test]
fn every_problem_is_seen_by_a_test_and_is_its_own() {
    let mut files: Vec<PathBuf> = vec![root().join("tests/api")];
    let mut text = String::new();
    while let Some(path) = files.pop() {
        if path.is_dir() {
            files.extend(std::fs::read_dir(path).unwrap().map(|entry| entry.unwrap().path()));
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            text += &std::fs::read_to_string(path).unwrap();
        }
    }
    let unseen: Vec<&str> =
        SORTS.iter().map(|sort| sort.slug).filter(|slug| !text.contains(&format!("\"{slug}\""))).collect();
    assert!(unseen.is_empty(), "no test sees {unseen:?}");
    for (at, sort) in SORTS.iter().enumerate() {
        assert!(SORTS[at + 1..].iter().all(|other| other.slug != sort.slug && other.title != sort.title), "{sort:?}");
        assert!(at == 0 || SORTS[at - 1].status <= sort.status, "{sort:?} is not in its place");
        assert!(sort.slug.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'-'), "{sort:?}");
        assert!((400..600).contains(&sort.status) && sort.remedy.ends_with('.'), "{sort:?}");
    }
}

#[test]
fn what_went_wrong_on_our_side_is_told_to_nobody() {
    let cause = "row 17 of the wallet of Q. Zonderling";
    let broken = || RequestProblem::Broken(cause.to_owned());
    let ours: [(Problem, u16, &str); 6] = [
        (broken().into(), 500, "internal"),
        (AuthoriseError::Problem(broken()).into(), 500, "internal"),
        (AuthoriseError::Busy.into(), 503, "busy"),
        (AuthoriseError::Unavailable.into(), 503, "unavailable"),
        (AuthoriseError::OutcomeUnknown.into(), 504, "outcome-unknown"),
        (BookError::OutcomeUnknown.into(), 504, "outcome-unknown"),
    ];
    for (problem, status, slug) in ours {
        assert_eq!((problem.sort().slug, problem.status_code().as_u16()), (slug, status));
        let response = problem.error_response();
        assert_eq!(response.headers().contains_key("retry-after"), status == 503, "{slug}");
        let body = response.into_body().try_into_bytes().unwrap();
        let text = String::from_utf8(body.to_vec()).unwrap();
        assert!(text.contains("\"request_id\":") && !text.contains("row") && !text.contains("Zonderling"), "{text}");
    }
}
