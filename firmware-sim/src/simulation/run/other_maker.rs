//! The machine of another maker: it sells online alone, all or nothing now and then, and asks until it knows.

use card_protocol::Decision;
use card_protocol::frame::Instruction;
use serde_json::{Value, json};
use uuid::Uuid;

use super::Run;
use crate::simulation::bare::{Bare, complete, post};
use crate::simulation::handover::{Handover, Payer};
use crate::simulation::network::Sent;
use crate::simulation::office::Office;
use crate::simulation::plastic::Tear;
use crate::till::Request;

/// How often it asks how a sale ended.
const TRIES: usize = 4;

impl<O: Office> Run<'_, O> {
    pub(super) fn any_tear(&mut self) -> Option<(Instruction, Tear)> {
        if !self.dice.chance(120) {
            return None;
        }
        let at = self.dice.weighed(&[
            (1, Instruction::Select),
            (6, Instruction::Authorise),
            (6, Instruction::Complete),
            (1, Instruction::GetLast),
        ])?;
        Some((at, self.dice.weighed(&[(1, Tear::Before), (1, Tear::During), (2, Tear::After)])?))
    }

    pub(super) async fn machine_sells(&mut self) -> Result<(), String> {
        let card = self.any_card();
        let Some(basket) = self.basket(self.machine.location) else { return Ok(()) };
        let (tear, nonce) = (self.any_tear(), self.dice.bytes());
        let now = self.network.clock.now_ms();
        let Some(plastic) = self.cards.get_mut(card) else { return Ok(()) };
        let payer = Payer::Card(plastic.id());
        plastic.hold(tear)?;
        let tapped = self.machine.tap(plastic, &basket, true, now, nonce);
        for signed in plastic.signed() {
            self.network.signed(&signed);
        }
        let Some(tapped) = tapped.filter(|tapped| tapped.said.decision == Decision::Online) else { return Ok(()) };
        let mode = if self.dice.chance(300) { "whole" } else { "online" };
        let id = self.dice.uuid7(now);
        let sale = Bare::sale(id, mode, &basket, &json!({ "card": tapped.json }), None);
        let terminal = self.machine.terminal;
        match self.ask_until_known(terminal, &post("/api/v1/sales", id, &sale)).await {
            None => {
                let client = json!({ "card": self.cards.get(card).map(|card| card.id()) });
                self.open.push((terminal, id, client));
            }
            Some(answer) => {
                if let Some(plastic) = self.cards.get_mut(card) {
                    complete(&mut self.network, plastic, &answer);
                }
                self.hand_over(terminal, id, payer, &basket.lines, &answer)?;
            }
        }
        Ok(())
    }

    /// The same request until there is an answer; none: nobody knows.
    pub(super) async fn ask_until_known(&mut self, terminal: Uuid, request: &Request) -> Option<Value> {
        for _ in 0..TRIES {
            if let Sent::Reply(reply) = self.network.send(terminal, request).await {
                return serde_json::from_slice(&reply.body).ok();
            }
            self.network.clock.pass(request.timeout_ms);
        }
        None
    }

    /// What an answer approved changes hands.
    pub(super) fn hand_over(
        &mut self,
        terminal: Uuid,
        id: Uuid,
        payer: Payer,
        lines: &[(Uuid, u32)],
        answer: &Value,
    ) -> Result<(), String> {
        if !matches!(answer["outcome"].as_str(), Some("approved" | "approved_in_part")) {
            return Ok(());
        }
        let left_out = answer["left_out"].as_array().cloned().unwrap_or_default();
        let is_left_out = |line: usize| left_out.iter().any(|left| left["line"].as_u64() == u64::try_from(line).ok());
        let lines = lines.iter().enumerate().filter(|(line, _)| !is_left_out(*line));
        let lines = lines.map(|(_, (service, quantity))| (*service, i64::from(*quantity))).collect();
        let handover =
            Handover { terminal, payer, lines, instead_of: None, is_offline: false, record: None, is_undone: false };
        self.handovers.add(id, handover)
    }

    /// Sales of which the machine never heard are undone.
    pub(super) async fn close_open(&mut self, is_safe: bool) {
        for (terminal, sale, client) in std::mem::take(&mut self.open) {
            let id = self.dice.uuid7(self.network.clock.now_ms());
            let request = post(format!("/api/v1/sales/{sale}/void"), id, &json!({ "id": id, "client": client }));
            if is_safe {
                self.network.send_safely(terminal, &request).await;
            } else if self.ask_until_known(terminal, &request).await.is_none() {
                self.open.push((terminal, sale, client));
                continue;
            }
            // a machine that was withdrawn meanwhile undoes nothing: the office does
            if self.network.model.is_revoked(terminal) {
                self.handovers.never_known(sale);
            }
        }
    }
}
