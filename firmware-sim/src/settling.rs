//! Finding out how something ended: sends it, and asks again until there is an answer.
//!
//! A request keeps its id and its bytes when it is sent again, so that it is booked once however often it arrives. What may
//! have arrived is never said to be not booked: without an answer it is unknown.

use std::borrow::Cow;
use std::time::Duration;

use card_protocol::CardAnswer;
use card_protocol::script::Script;
use hyper::body::Bytes;
use uuid::Uuid;

use crate::answer::{Answer, Asked, Outcome, Problem};
use crate::client::{Client, NoAnswer, Outgoing, Reply};
use crate::give_up::GiveUp;
use crate::hex;

const BACK_OFF_MIN: Duration = Duration::from_millis(50);
const BACK_OFF_MAX: Duration = Duration::from_secs(2);
/// However long the service wants to be left alone.
const RETRY_AFTER_MAX: Duration = Duration::from_secs(10);

/// Something to be booked, as it is sent each time.
#[derive(Clone, Debug)]
pub struct Attempt {
    /// Where it is sent.
    pub path: Cow<'static, str>,
    /// The JSON.
    pub body: Bytes,
    /// What the answer must fit.
    pub asked: Asked,
}

impl Attempt {
    /// Whether there is an answer to be had by its id.
    fn can_be_asked_for(&self) -> bool {
        self.asked.operation == "sale"
    }
}

/// Where a sale is.
pub fn sale_path(id: Uuid) -> String {
    format!("/api/v1/sales/{id}")
}

/// The service's answer.
#[derive(Clone, Debug)]
pub struct Answered {
    /// As it came.
    pub bytes: Bytes,
    /// How it ended.
    pub outcome: Outcome,
    /// Why it was declined.
    pub reason: Option<String>,
    /// Whether prices that the terminal knows are too old.
    pub wants_new_prices: bool,
    /// The euro price of what was sold or set aside; 0 where nothing was.
    pub approved_cents: u64,
    /// What the card is to be told.
    pub for_card: Option<CardAnswer>,
    /// What the card is to change.
    pub script: Option<Script>,
    /// What of the answer makes no sense.
    pub nonsense: Option<String>,
}

/// How it ended.
#[derive(Clone, Debug)]
pub enum Ended {
    /// The service decided.
    Answered(Answered),
    /// The service refused the request itself; nothing was booked.
    Problem(Problem),
    /// It never arrived, or the service said that it booked nothing; and then it was time to stop.
    NotBooked(String),
    /// Nobody knows here. Asking later tells.
    Unknown(String),
}

/// How it ended, and how often it was asked again.
#[derive(Clone, Debug)]
#[allow(missing_docs)]
pub struct Settled {
    pub ended: Ended,
    pub asked_again: u32,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Step {
    Send,
    Ask,
}

enum Verdict {
    Ended(Ended),
    SendAtOnce,
    Wait { next: Step, at_least: Duration, why: String },
}

/// Sends an attempt and asks again until it is known how it ended, or it is time to give up.
pub async fn settle(client: &mut Client, attempt: &Attempt, give_up: &mut GiveUp) -> Settled {
    let mut settling = Settling { attempt, may_be_booked: false };
    let (mut step, mut asked_again, mut back_off) = (Step::Send, 0, BACK_OFF_MIN);
    loop {
        let reply = match step {
            Step::Ask => client.send(Outgoing::get(&sale_path(attempt.asked.id))).await,
            Step::Send => {
                let post = Some((&attempt.body, attempt.asked.id));
                client.send(Outgoing { path: &attempt.path, query: None, post, if_none_match: None }).await
            }
        };
        let verdict = match reply {
            Ok(reply) => settling.judge(step, &reply),
            Err(no_answer) => settling.judge_silence(step, &no_answer),
        };
        asked_again += 1;
        match verdict {
            Verdict::Ended(ended) => return Settled { ended, asked_again: asked_again - 1 },
            Verdict::SendAtOnce => step = Step::Send,
            Verdict::Wait { next, at_least, why } => {
                let span = client.random().jitter(back_off).unwrap_or(back_off).max(at_least.min(RETRY_AFTER_MAX));
                back_off = (back_off * 2).min(BACK_OFF_MAX);
                // what cannot be asked for is sent again: its id keeps it from being booked twice
                step = if attempt.can_be_asked_for() { next } else { Step::Send };
                if !give_up.wait(span).await {
                    return Settled { ended: settling.stopped(why), asked_again: asked_again - 1 };
                }
            }
        }
    }
}

struct Settling<'a> {
    attempt: &'a Attempt,
    /// Whether a copy may have been booked that gave no answer.
    may_be_booked: bool,
}

impl Settling<'_> {
    fn stopped(&self, why: String) -> Ended {
        if self.may_be_booked { Ended::Unknown(why) } else { Ended::NotBooked(why) }
    }

    fn judge_silence(&mut self, step: Step, no_answer: &NoAnswer) -> Verdict {
        self.may_be_booked |= step == Step::Send && no_answer.may_have_arrived();
        let why = no_answer.to_string();
        if matches!(no_answer, NoAnswer::NotMade(_)) {
            return Verdict::Ended(self.stopped(why));
        }
        let next = if self.may_be_booked { Step::Ask } else { Step::Send };
        Verdict::Wait { next, at_least: Duration::ZERO, why }
    }

    fn judge(&mut self, step: Step, reply: &Reply) -> Verdict {
        if reply.status == 200 {
            return Verdict::Ended(match read(&reply.body, &self.attempt.asked) {
                Ok(answered) => Ended::Answered(Answered { script: script_of(reply), ..answered }),
                Err(error) => Ended::Unknown(format!("the answer cannot be read: {error}")),
            });
        }
        let problem = problem(reply);
        match reply.status {
            404 if step == Step::Ask && problem.slug == "sale-unknown" => Verdict::SendAtOnce,
            // the service says that it booked nothing: the same is sent again
            429 | 503 => Verdict::Wait {
                next: step,
                at_least: reply.retry_after().unwrap_or_default(),
                why: problem.to_string(),
            },
            400..=499 if self.may_be_booked => Verdict::Ended(Ended::Unknown(problem.to_string())),
            400..=499 => Verdict::Ended(Ended::Problem(problem)),
            _ => {
                self.may_be_booked |= step == Step::Send;
                Verdict::Wait { next: Step::Ask, at_least: Duration::ZERO, why: problem.to_string() }
            }
        }
    }
}

/// What the card is to change, if the reply says so.
pub fn script_of(reply: &Reply) -> Option<Script> {
    Script::decode(&hex::decode::<{ Script::LENGTH }>(reply.card_script()?)?).ok()
}

/// A reply that is none as a problem.
pub fn problem(reply: &Reply) -> Problem {
    let mut problem = Problem::read(reply.status, &reply.body);
    if reply.status == 401 {
        problem.date = reply.date().map(str::to_owned);
    }
    problem
}

/// Reads an answer, with what of it makes no sense.
///
/// # Errors
/// What cannot be read.
pub fn read(bytes: &Bytes, asked: &Asked) -> Result<Answered, String> {
    let answer = Answer::read(bytes)?;
    let out_of_date = |reason: &str| reason == "price_list_out_of_date";
    Ok(Answered {
        bytes: bytes.clone(),
        outcome: answer.outcome,
        reason: answer.reason.map(str::to_owned),
        wants_new_prices: answer.reason.is_some_and(out_of_date)
            || answer.left_out.iter().any(|left| out_of_date(left.reason)),
        approved_cents: answer.approved_cents.unwrap_or(0),
        for_card: answer.for_card().and_then(Result::ok),
        script: None,
        nonsense: answer.nonsense(asked),
    })
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests;
