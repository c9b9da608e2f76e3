//! The installed PostgreSQL programs, and the account that may run them.
//!
//! Invariant: PostgreSQL never runs as root; it refuses to, and so do we before it does.

use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use super::ClusterError;

/// The oldest major version whose features the migrations use.
pub const OLDEST_MAJOR: u32 = 15;

/// The programs of one major version.
#[derive(Clone, Debug)]
pub struct Programs {
    /// The folder that holds them.
    pub bin: PathBuf,
    /// 15, 16, ...
    pub major: u32,
}

/// Who runs PostgreSQL, where that is not who runs us.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Account {
    /// The name, for messages.
    pub name: String,
    /// The user's number.
    pub uid: u32,
    /// The number of the user's group.
    pub gid: u32,
}

impl Programs {
    /// The path of one program.
    #[must_use]
    pub fn path(&self, program: &str) -> PathBuf {
        self.bin.join(program)
    }

    /// The newest that are installed or, for a cluster that exists, those of its major version.
    pub(super) async fn find(cluster_major: Option<u32>) -> Result<Self, ClusterError> {
        let mut found = Vec::new();
        for bin in folders() {
            if let Some(major) = major_of(&bin).await {
                found.push(Self { bin, major });
            }
        }
        choose(found, cluster_major)
    }
}

fn choose(mut found: Vec<Programs>, cluster_major: Option<u32>) -> Result<Programs, ClusterError> {
    // the sort is stable: among equals, the folder named first stays first
    found.sort_by_key(|programs| std::cmp::Reverse(programs.major));
    let list = |found: &[Programs]| match found {
        [] => "none was found".to_owned(),
        _ => {
            let each: Vec<String> = found.iter().map(|p| format!("{} in {}", p.major, p.bin.display())).collect();
            format!("found: {}", each.join(", "))
        }
    };
    match cluster_major {
        Some(major) => found
            .iter()
            .find(|programs| programs.major == major)
            .cloned()
            .ok_or_else(|| ClusterError::OtherMajor { major, found: list(&found) }),
        None => match found.first() {
            Some(newest) if newest.major >= OLDEST_MAJOR => Ok(newest.clone()),
            _ => Err(ClusterError::NoPrograms { found: list(&found) }),
        },
    }
}

/// PASJE_PG_BIN alone if it is set, else Debian's folders and the PATH.
fn folders() -> Vec<PathBuf> {
    if let Some(folder) = std::env::var_os("PASJE_PG_BIN").filter(|value| !value.is_empty()) {
        return vec![PathBuf::from(folder)];
    }
    let debian = std::fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten();
    let mut folders: Vec<PathBuf> = debian.map(|entry| entry.path().join("bin")).collect();
    if let Some(path) = std::env::var_os("PATH") {
        folders.extend(std::env::split_paths(&path).filter(|folder| folder.is_absolute()));
    }
    folders.retain(|folder| ["postgres", "initdb", "pg_ctl"].iter().all(|program| folder.join(program).is_file()));
    folders
}

async fn major_of(bin: &Path) -> Option<u32> {
    let output = tokio::process::Command::new(bin.join("postgres")).arg("--version").output().await.ok()?;
    parse_major(&String::from_utf8_lossy(&output.stdout))
}

/// `postgres (PostgreSQL) 15.18 (Debian 15.18-0+deb12u1)`, `... 18beta1`
fn parse_major(version: &str) -> Option<u32> {
    let number = version.split_once("(PostgreSQL) ")?.1;
    number.split(|c: char| !c.is_ascii_digit()).next()?.parse().ok()
}

impl Account {
    /// Nobody else unless root started us. A cluster that exists is run by whoever owns it.
    pub(super) fn choose(postgres_folder: &Path) -> Result<Option<Self>, ClusterError> {
        let io = |source| ClusterError::Io { what: "read who runs this process".to_owned(), source };
        if std::fs::metadata("/proc/self").map_err(io)?.uid() != 0 {
            return Ok(None);
        }
        let passwd = std::fs::read_to_string("/etc/passwd").map_err(io)?;
        if let Ok(folder) = std::fs::metadata(postgres_folder)
            && folder.uid() != 0
        {
            let owner = find(&passwd, |account| account.uid == folder.uid());
            let unnamed = || Self { name: format!("number {}", folder.uid()), uid: folder.uid(), gid: folder.gid() };
            return Ok(Some(owner.unwrap_or_else(unnamed)));
        }
        let name = std::env::var("PASJE_PG_USER").ok().filter(|name| !name.is_empty());
        let name = name.unwrap_or_else(|| "postgres".to_owned());
        match find(&passwd, |account| account.name == name) {
            Some(account) if account.uid != 0 => Ok(Some(account)),
            _ => Err(ClusterError::NoAccount { name }),
        }
    }
}

fn find(passwd: &str, wanted: impl Fn(&Account) -> bool) -> Option<Account> {
    passwd.lines().filter_map(parse_account).find(wanted)
}

/// `name:password:uid:gid:comment:home:shell`
fn parse_account(line: &str) -> Option<Account> {
    let mut fields = line.split(':');
    let name = fields.next()?.to_owned();
    let uid = fields.nth(1)?.parse().ok()?;
    let gid = fields.next()?.parse().ok()?;
    Some(Account { name, uid, gid })
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn installed(majors: &[u32]) -> Vec<Programs> {
        majors.iter().map(|&major| Programs { bin: format!("/pg/{major}").into(), major }).collect()
    }

    #[test]
    fn a_new_cluster_takes_the_newest_and_an_old_one_its_own() {
        assert_eq!(choose(installed(&[15, 17, 9]), None).unwrap().major, 17);
        assert_eq!(choose(installed(&[15, 17]), Some(15)).unwrap().major, 15);
        let message = choose(installed(&[15, 17]), Some(16)).unwrap_err().to_string();
        assert!(message.contains("16") && message.contains("found: 17 in /pg/17, 15 in /pg/15"), "{message}");
        let message = choose(installed(&[14]), None).unwrap_err().to_string();
        assert!(message.contains("15 or newer") && message.contains("found: 14 in /pg/14"), "{message}");
        let message = choose(Vec::new(), None).unwrap_err().to_string();
        assert!(message.contains("apt"), "{message}");
    }

    #[test]
    fn versions_are_read_from_every_packagers_words() {
        assert_eq!(parse_major("postgres (PostgreSQL) 15.18 (Debian 15.18-0+deb12u1)\n"), Some(15));
        assert_eq!(parse_major("postgres (PostgreSQL) 19beta1"), Some(19));
        assert_eq!(parse_major("bash: postgres: not found"), None);
    }

    #[test]
    fn accounts_are_read_from_passwd() {
        let passwd =
            "root:x:0:0:root:/root:/bin/bash\n\n#x\npostgres:x:101:104:admin,,,:/var/lib/postgresql:/bin/bash\n";
        let account = find(passwd, |account| account.name == "postgres").unwrap();
        assert_eq!(account, Account { name: "postgres".into(), uid: 101, gid: 104 });
    }
}
