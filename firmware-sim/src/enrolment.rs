//! How a terminal gets its key: a key pair, a one-time code on its screen, and an answer that only it can open.
//!
//! The code is made of the public key, so a service that was given another one does not know the code that stands on the
//! screen. The answer is sealed to the key pair (HPKE, RFC 9180) and brings the CA that the service is known by from then
//! on. Anybody can seal something to a public key: so both ends show a check number that is exported from the sealed
//! exchange itself. Who stands between cannot open what the service sealed, does not know its number, and has one chance in
//! a million that his own is the same.
//!
//! A key pair is used for one code, lives in memory, and goes when the code does.

use std::fmt;
use std::path::Path;
use std::time::{Duration, Instant};

use card_protocol::Secret;
use hpke::aead::ChaCha20Poly1305;
use hpke::kdf::HkdfSha256;
use hpke::kem::X25519HkdfSha256;
use hpke::{Deserializable as _, Kem, OpModeR, Serializable as _, setup_receiver};
use http_body_util::Full;
use hyper::body::Bytes;
use hyper::header::{CONTENT_TYPE, HeaderValue};
use serde::Deserialize;
use sha2::{Digest as _, Sha256};
use tokio::time::sleep;
use uuid::Uuid;
use zeroize::Zeroizing;

use crate::address::{Address, AddressError};
use crate::answer::Problem;
use crate::client::NoAnswer;
use crate::files::{FileError, TerminalFile, TerminalOnFile};
use crate::hex::{self, Hex, SecretHex};
use crate::settling::problem;
use crate::tls;
use crate::wire::{Reply, Wire};

/// How long a code is good for.
pub const CODE_LIFE: Duration = Duration::from_secs(600);
/// Between two questions whether somebody accepted the code.
const POLL_EVERY: Duration = Duration::from_secs(2);
/// How much longer than its life a code is asked for.
const GRACE: Duration = Duration::from_secs(5);
/// Before a service that is away or full is asked for a code again.
const AGAIN_AFTER: Duration = Duration::from_secs(5);

const ENROLMENTS: &str = "/api/v1/enrolments";
const CODE_DOMAIN: &[u8] = b"PASJE enrolment";
const INFO: &[u8] = b"PASJE enrolment 1";
const CHECK_CONTEXT: &[u8] = b"PASJE check 1";
/// Crockford's base 32: no I, L, O, U.
const DIGITS: &[u8; 32] = b"0123456789ABCDEFGHJKMNPQRSTVWXYZ";

/// Why a terminal is not enrolled.
#[derive(Debug, thiserror::Error)]
#[allow(missing_docs)]
pub enum EnrolError {
    #[error(transparent)]
    Address(#[from] AddressError),
    #[error(transparent)]
    NoAnswer(#[from] NoAnswer),
    #[error("{0}")]
    Problem(Problem),
    #[error("the service answers something that means nothing: {0}")]
    Nonsense(String),
    #[error("the service made another code than this terminal: somebody stands between, or it is another program")]
    OtherCode,
    #[error("what came as the answer to this code cannot be opened: it was not sealed for this terminal")]
    NotForUs,
    #[error(transparent)]
    File(#[from] FileError),
    #[error("the operating system gives no random bytes: {0}")]
    Random(getrandom::Error),
    #[error("no TLS: {0}")]
    Tls(String),
}

/// What the administrator types: ten digits in two groups.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Code(String);

impl Code {
    /// The code of a public key: 50 bits of its hash.
    pub fn of(public_key: &[u8; 32]) -> Self {
        let hash = Sha256::new().chain_update(CODE_DOMAIN).chain_update(public_key).finalize();
        let bits = hash.iter().take(8).fold(0_u64, |bits, byte| bits << 8 | u64::from(*byte)) >> 14;
        let digit = |place: u32| char::from(DIGITS[usize::from((bits >> (45 - 5 * place)).to_le_bytes()[0] & 31)]);
        let (first, second): (String, String) = ((0..5).map(digit).collect(), (5..10).map(digit).collect());
        Self(format!("{first}-{second}"))
    }

    /// As it is shown.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Six digits that must be the same at both ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CheckNumber(u32);

impl fmt::Display for CheckNumber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:03} {:03}", self.0 / 1000, self.0 % 1000)
    }
}

/// A terminal's key pair, for one enrolment.
pub struct KeyPair {
    private: <X25519HkdfSha256 as Kem>::PrivateKey,
    public: [u8; 32],
}

impl fmt::Debug for KeyPair {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KeyPair").field("public", &hex::encode(&self.public)).finish_non_exhaustive()
    }
}

impl KeyPair {
    /// A new one.
    ///
    /// # Errors
    /// [`EnrolError::Random`].
    pub fn generate() -> Result<Self, EnrolError> {
        let mut seed = Zeroizing::new([0; 32]);
        getrandom::fill(&mut *seed).map_err(EnrolError::Random)?;
        Ok(Self::from_seed(&seed))
    }

    fn from_seed(seed: &[u8; 32]) -> Self {
        let (private, public) = X25519HkdfSha256::derive_keypair(seed);
        Self { private, public: public.to_bytes().into() }
    }

    /// What the service is given.
    pub const fn public(&self) -> &[u8; 32] {
        &self.public
    }

    /// Its code.
    pub fn code(&self) -> Code {
        Code::of(&self.public)
    }

    /// Opens what the service sealed.
    ///
    /// # Errors
    /// [`EnrolError::NotForUs`], [`EnrolError::Nonsense`].
    pub fn open(&self, encapsulated: &[u8], sealed: &[u8]) -> Result<Enrolled, EnrolError> {
        let encapsulated = <X25519HkdfSha256 as Kem>::EncappedKey::from_bytes(encapsulated);
        let encapsulated = encapsulated.map_err(|_| EnrolError::NotForUs)?;
        let context = setup_receiver::<ChaCha20Poly1305, HkdfSha256, X25519HkdfSha256>(
            &OpModeR::Base,
            &self.private,
            &encapsulated,
            INFO,
        );
        let mut context = context.map_err(|_| EnrolError::NotForUs)?;
        let plain = context.open(sealed, self.code().as_str().as_bytes()).map(Zeroizing::new);
        let plain = plain.map_err(|_| EnrolError::NotForUs)?;
        let mut number = [0; 8];
        context.export(CHECK_CONTEXT, &mut number).map_err(|_| EnrolError::NotForUs)?;
        let check = u32::try_from(u64::from_be_bytes(number) % 1_000_000).unwrap_or_default();
        // what was read holds the key: the error says where and never what
        let plain: Plain = serde_json::from_slice(&plain)
            .map_err(|error| EnrolError::Nonsense(format!("line {}, column {}", error.line(), error.column())))?;
        let Plain { terminal, location, name, key, ca } = plain;
        Ok(Enrolled { terminal, location, name, key: key.0, ca, check: CheckNumber(check) })
    }
}

#[derive(Deserialize)]
struct Plain {
    terminal: Uuid,
    location: Uuid,
    name: String,
    key: SecretHex,
    ca: Option<String>,
}

/// What a terminal gets.
#[derive(Clone, Debug)]
#[allow(missing_docs)]
pub struct Enrolled {
    pub terminal: Uuid,
    pub location: Uuid,
    pub name: String,
    pub key: Secret,
    pub ca: Option<String>,
    /// To be compared with what the service shows.
    pub check: CheckNumber,
}

impl Enrolled {
    /// Writes the terminal's file, its key sealed. The service is kept by this address.
    ///
    /// # Errors
    /// [`FileError`].
    pub fn keep(&self, folder: &Path, service: &str) -> Result<TerminalOnFile, FileError> {
        let document = TerminalFile {
            version: crate::files::FILE_VERSION,
            terminal: self.terminal,
            location: self.location,
            name: self.name.clone(),
            service: service.to_owned(),
            key: None,
            sealed_key: None,
            ca: self.ca.clone(),
            sequence: 0,
            clock_confirmed_ms: 0,
        };
        TerminalOnFile::make(folder, document, &self.key)
    }
}

/// How a code stands.
#[derive(Debug)]
pub enum Progress {
    /// Nobody accepted it yet.
    Waiting,
    /// The terminal is enrolled.
    Accepted(Box<Enrolled>),
    /// The service does not know it any more: a new one is needed.
    Gone,
}

#[derive(Deserialize)]
struct Offered {
    code: String,
}

#[derive(Deserialize)]
struct Sealed {
    encapsulated: Hex<32>,
    sealed: String,
}

/// A code that was handed to the service, and waits.
#[derive(Debug)]
pub struct Enrolment {
    wire: Wire,
    keys: KeyPair,
    code: Code,
    began: Instant,
}

impl Enrolment {
    /// Makes a key pair and hands its public key to the service.
    ///
    /// # Errors
    /// [`EnrolError`].
    pub async fn begin(service: &str, timeout: Duration) -> Result<Self, EnrolError> {
        let address = Address::parse(service)?;
        let tls = if address.is_https { Some(tls::before_enrolment().map_err(EnrolError::Tls)?) } else { None };
        let mut wire = Wire::new(address, tls, timeout);
        let keys = KeyPair::generate()?;
        let code = keys.code();
        let body = format!(r#"{{"public_key":"{}"}}"#, hex::encode(keys.public()));
        let began = Instant::now();
        let reply = wire.exchange(|| plain_request(ENROLMENTS, Some(&body))).await?;
        match reply.status {
            201 => {}
            _ => return Err(EnrolError::Problem(problem(&reply))),
        }
        let offered: Offered = parse(&reply)?;
        if offered.code != code.as_str() {
            return Err(EnrolError::OtherCode);
        }
        Ok(Self { wire, keys, code, began })
    }

    /// What is shown.
    pub const fn code(&self) -> &Code {
        &self.code
    }

    /// How long the code is good for from now on.
    pub fn left(&self) -> Duration {
        CODE_LIFE.saturating_sub(self.began.elapsed())
    }

    /// Asks whether somebody accepted the code.
    ///
    /// # Errors
    /// [`EnrolError`]; of [`EnrolError::NoAnswer`] the code is as good as before.
    pub async fn poll(&mut self) -> Result<Progress, EnrolError> {
        let path = format!("{ENROLMENTS}/{}", self.code);
        let reply = self.wire.exchange(|| plain_request(&path, None)).await?;
        match reply.status {
            202 => Ok(Progress::Waiting),
            404 => Ok(Progress::Gone),
            200 => {
                let answer: Sealed = parse(&reply)?;
                let sealed = decode(&answer.sealed).ok_or_else(|| EnrolError::Nonsense("`sealed`".to_owned()))?;
                Ok(Progress::Accepted(Box::new(self.keys.open(&answer.encapsulated.0, &sealed)?)))
            }
            _ => Err(EnrolError::Problem(problem(&reply))),
        }
    }
}

fn plain_request(path: &str, body: Option<&str>) -> Result<hyper::Request<Full<Bytes>>, NoAnswer> {
    let mut request = hyper::Request::new(Full::new(Bytes::from(body.unwrap_or_default().to_owned())));
    *request.method_mut() = if body.is_some() { hyper::Method::POST } else { hyper::Method::GET };
    *request.uri_mut() = hyper::Uri::try_from(path).map_err(|error| NoAnswer::NotMade(error.to_string()))?;
    if body.is_some() {
        request.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    }
    Ok(request)
}

fn parse<T: for<'de> Deserialize<'de>>(reply: &Reply) -> Result<T, EnrolError> {
    serde_json::from_slice(&reply.body).map_err(|error| EnrolError::Nonsense(error.to_string()))
}

fn decode(digits: &str) -> Option<Vec<u8>> {
    let pairs = digits.as_bytes().chunks(2);
    pairs.map(|pair| hex::decode::<1>(std::str::from_utf8(pair).ok()?).map(|[byte]| byte)).collect()
}

/// Who shows how an enrolment goes.
pub trait Watcher: Send {
    /// A code to show, and how long it is good for. Called again as time goes by.
    fn code(&mut self, code: &Code, left: Duration, is_new: bool);
    /// The service gives no code now, and is asked again.
    fn trouble(&mut self, why: &EnrolError);
}

/// Enrols the terminal of a folder that has none yet: shows codes until somebody accepts one.
///
/// # Errors
/// [`EnrolError`], where trying again would not help.
pub async fn enrol(
    folder: &Path,
    service: &str,
    timeout: Duration,
    watcher: &mut dyn Watcher,
) -> Result<(TerminalOnFile, CheckNumber), EnrolError> {
    // an address that cannot be used is said at once
    Address::parse(service)?;
    loop {
        let mut enrolment = match Enrolment::begin(service, timeout).await {
            Ok(enrolment) => enrolment,
            Err(error) => {
                wait_after(error, watcher).await?;
                continue;
            }
        };
        watcher.code(enrolment.code(), enrolment.left(), true);
        // the service forgets it when it expires; somebody may accept it in its last second
        while enrolment.began.elapsed() < CODE_LIFE + GRACE {
            sleep(POLL_EVERY).await;
            watcher.code(&enrolment.code, enrolment.left(), false);
            match enrolment.poll().await {
                Ok(Progress::Waiting) => {}
                Ok(Progress::Gone) => break,
                Ok(Progress::Accepted(enrolled)) => {
                    let file = enrolled.keep(folder, service)?;
                    return Ok((file, enrolled.check));
                }
                Err(error) => wait_after(error, watcher).await?,
            }
        }
    }
}

/// Waits where waiting may help, and fails where it does not.
async fn wait_after(error: EnrolError, watcher: &mut dyn Watcher) -> Result<(), EnrolError> {
    let may_pass = match &error {
        EnrolError::NoAnswer(no_answer) => !matches!(no_answer, NoAnswer::NotMade(_)),
        EnrolError::Problem(problem) => matches!(problem.status, 408 | 429 | 500..),
        _ => false,
    };
    if !may_pass {
        return Err(error);
    }
    watcher.trouble(&error);
    sleep(AGAIN_AFTER).await;
    Ok(())
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use hpke::{OpModeS, setup_sender};

    use super::*;

    fn seal(to: &[u8], plain: &str, info: &[u8], aad: &str) -> (Vec<u8>, Vec<u8>, [u8; 8]) {
        let to = <X25519HkdfSha256 as Kem>::PublicKey::from_bytes(to).unwrap();
        let (encapsulated, mut context) =
            setup_sender::<ChaCha20Poly1305, HkdfSha256, X25519HkdfSha256>(&OpModeS::Base, &to, info).unwrap();
        let sealed = context.seal(plain.as_bytes(), aad.as_bytes()).unwrap();
        let mut number = [0; 8];
        context.export(CHECK_CONTEXT, &mut number).unwrap();
        (encapsulated.to_bytes().to_vec(), sealed, number)
    }

    fn plain() -> String {
        let id = Uuid::from_bytes([1; 16]);
        format!(
            r#"{{"terminal":"{id}","location":"{id}","name":"Restaurant 1","key":"{}","ca":null}}"#,
            "0c".repeat(32)
        )
    }

    #[test]
    fn a_code_is_the_first_fifty_bits_of_the_keys_hash() {
        // the same numbers as in the service, from Python
        assert_eq!(Code::of(&[0; 32]).as_str(), "VK7PG-3X5QX");
        assert_eq!(Code::of(&[7; 32]).as_str(), "EAEBD-YFQAE");
    }

    #[test]
    fn an_answer_opens_with_its_key_pair_and_both_ends_have_the_same_check_number() {
        let keys = KeyPair::generate().unwrap();
        let (encapsulated, sealed, number) = seal(keys.public(), &plain(), INFO, keys.code().as_str());
        let enrolled = keys.open(&encapsulated, &sealed).unwrap();
        assert_eq!((enrolled.name.as_str(), enrolled.key.expose()), ("Restaurant 1", &[0x0c; 32]));
        let number = u64::from_be_bytes(number) % 1_000_000;
        assert_eq!(enrolled.check.to_string(), format!("{:03} {:03}", number / 1000, number % 1000));
        assert!(matches!(KeyPair::generate().unwrap().open(&encapsulated, &sealed), Err(EnrolError::NotForUs)));
    }

    #[test]
    fn an_answer_of_another_code_or_purpose_or_damaged_does_not_open() {
        let keys = KeyPair::generate().unwrap();
        let code = keys.code();
        for (info, aad) in [(b"PASJE enrolment 2", code.as_str()), (b"PASJE enrolment 1", "ABCDE-FGHJK")] {
            let (encapsulated, sealed, _) = seal(keys.public(), &plain(), info, aad);
            assert!(matches!(keys.open(&encapsulated, &sealed), Err(EnrolError::NotForUs)));
        }
        let (encapsulated, sealed, _) = seal(keys.public(), &plain(), INFO, code.as_str());
        for place in 0..sealed.len() {
            let mut damaged = sealed.clone();
            damaged[place] ^= 1;
            assert!(matches!(keys.open(&encapsulated, &damaged), Err(EnrolError::NotForUs)), "byte {place}");
        }
        // lengths that are none, and points that give everybody the same secret
        for hostile in [vec![], vec![1; 31], vec![1; 33], vec![0; 32], [vec![1], vec![0; 31]].concat()] {
            assert!(matches!(keys.open(&hostile, &sealed), Err(EnrolError::NotForUs)), "{hostile:?}");
        }
        assert!(matches!(keys.open(&encapsulated, &[]), Err(EnrolError::NotForUs)));
    }

    #[test]
    fn nothing_of_an_answer_that_cannot_be_read_is_said() {
        let keys = KeyPair::generate().unwrap();
        let wrong = plain().replace("0c0c", "0cZZ");
        let (encapsulated, sealed, _) = seal(keys.public(), &wrong, INFO, keys.code().as_str());
        let error = keys.open(&encapsulated, &sealed).unwrap_err().to_string();
        assert!(error.contains("column") && !error.contains("0c0c"), "{error}");
        let printed = format!("{keys:?}");
        assert!(printed.contains("public") && !printed.contains("private"), "{printed}");
    }
}
