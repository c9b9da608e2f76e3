//! Another system of an organisation: its key, and requests signed with it.

use std::path::Path;

use firmware_sim::signature::content_digest;
use pasje::domain::hex::from_hex;
use serde_json::Value;
use uuid::Uuid;

use crate::card::{Terminal, uuid};
use crate::service::{Client, House, Serving, read};
use crate::wire::{COVERED_WITH_BODY, Draft, Reply};

/// A key, as `pasje key add` wrote it.
#[derive(Clone)]
pub struct Key {
    pub id: Uuid,
    pub key: [u8; 32],
    pub file: Value,
}

impl Key {
    pub fn read(file: &Path) -> Self {
        let file: Value = serde_json::from_str(&read(file)).unwrap();
        Self { id: uuid(&file["keyid"]), key: from_hex(file["key"].as_str().unwrap()).unwrap(), file }
    }
}

impl House {
    /// A key of an organisation, for these scopes.
    pub fn key(&self, organisation: u16, scopes: &[&str]) -> Key {
        let file = self.path(&format!("key-{}.json", Uuid::new_v4().simple()));
        let (organisation, scopes) = (organisation.to_string(), scopes.join(","));
        let what = ["key", "add", "Cliëntdossier", "--organisation", &organisation, "--scope", &scopes];
        self.run(&[&what[..], &["--out", file.to_str().unwrap()]].concat());
        Key::read(&file)
    }
}

/// What another system sends, with every part still to be made wrong.
pub fn draft(serving: &Serving, key: &Key, method: &str, target: &str, body: Option<&Value>) -> Draft {
    draft_with(serving, key, method, target, body.map(|body| body.to_string().into_bytes()), Uuid::now_v7())
}

pub fn draft_with(
    serving: &Serving,
    key: &Key,
    method: &str,
    target: &str,
    body: Option<Vec<u8>>,
    idempotency_key: Uuid,
) -> Draft {
    let signer = Terminal { id: key.id, location: Uuid::nil(), key: key.key };
    let mut draft = Draft::new(serving, &signer, method, target);
    draft.parameter("tag", "\"pasje-integration\"");
    if let Some(body) = body {
        draft.covered = COVERED_WITH_BODY.to_vec();
        draft.set("Content-Type", "application/json");
        draft.set("Content-Digest", &content_digest(&body));
        draft.set("Idempotency-Key", &format!("\"{idempotency_key}\""));
        draft.body = body;
    }
    draft
}

impl Serving {
    pub fn read_by(&self, key: &Key, target: &str) -> Reply {
        self.ask(&draft(self, key, "GET", target, None).signed())
    }

    pub fn send_by(&self, key: &Key, method: &str, target: &str, body: &Value) -> Reply {
        self.ask(&draft(self, key, method, target, Some(body)).signed())
    }

    pub fn send_as(&self, key: &Key, method: &str, target: &str, body: &Value, id: Uuid) -> Reply {
        self.ask(&draft_with(self, key, method, target, Some(body.to_string().into_bytes()), id).signed())
    }
}

/// An address of a route with something in each place of its path.
pub fn target(path: &str) -> String {
    let id = Uuid::now_v7().to_string();
    let filled = [
        ("{id}", &*id),
        ("{code}", "ABCDE-FGHJK"),
        ("{secret}", "AAAA"),
        ("{number}", "17"),
        ("{month}", "2026-04"),
        ("{day}", "2026-04-12"),
    ];
    let task = path.replace("tasks/{id}", "tasks/1");
    if path.ends_with("/staffing") {
        return format!("{path}?from=2026-11-01");
    }
    if path.ends_with("/{report}") {
        return path.replace("{report}", "overruns?from=2026-04");
    }
    filled.iter().fold(task, |path, (place, value)| path.replace(place, value))
}

/// A client as other systems name it.
pub fn address(client: &Client) -> String {
    format!("/api/v1/clients/{}", client.number)
}
