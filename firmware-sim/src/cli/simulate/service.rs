//! A service for one run: the `pasje` program on a folder of its own, stopped and removed afterwards.

use std::fs::{self, File, Permissions};
use std::net::{TcpListener, TcpStream};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use firmware_sim::simulation::office::{Calling, output_of};
use uuid::Uuid;

use super::super::Failure;

/// A new cluster of the database is made in this time.
const START: Duration = Duration::from_secs(120);
/// And stops in this.
const STOP: Duration = Duration::from_secs(30);

/// The service, with its database, keys and files in one folder.
pub(super) struct Service {
    folder: PathBuf,
    calling: Calling,
    url: String,
    serving: Option<Child>,
}

impl Service {
    /// Starts one.
    pub(super) async fn start(pasje: &Path) -> Result<Self, Failure> {
        if !pasje.is_file() {
            let why = "build it (`cargo build --workspace`), or name it with --pasje";
            return Err(format!("the `pasje` program is not at {}: {why}", pasje.display()).into());
        }
        let folder = std::env::temp_dir().join(format!("firmware-sim-{}", Uuid::new_v4().simple()));
        fs::create_dir(&folder)?;
        // the database's own account passes through it
        fs::set_permissions(&folder, Permissions::from_mode(0o711))?;
        let port = TcpListener::bind("127.0.0.1:0")?.local_addr()?.port();
        let program = [pasje.display().to_string(), "--data".to_owned(), folder.join("data").display().to_string()];
        let calling = Calling::alone(program.to_vec(), 1);
        let url = format!("http://127.0.0.1:{port}");
        let mut service = Self { folder, calling, url, serving: None };
        match service.serve(port).await {
            Ok(()) => Ok(service),
            Err(error) => {
                let said = fs::read_to_string(service.folder.join("service.log")).unwrap_or_default();
                service.end(false).await;
                Err(format!("{error}: {}", said.trim()).into())
            }
        }
    }

    async fn serve(&mut self, port: u16) -> Result<(), Failure> {
        let listen = format!("127.0.0.1:{port}");
        let mut command = self.calling.command(&["serve", "--listen", &listen, "--metrics", "127.0.0.1:0"])?;
        command.args(["--address-rate", "0", "--terminal-rate", "0"]);
        command.stdout(Stdio::null()).stderr(File::create(self.folder.join("service.log"))?);
        let child = self.serving.insert(command.spawn()?);
        let until = Instant::now() + START;
        while TcpStream::connect(&listen).is_err() {
            if let Some(status) = child.try_wait()? {
                return Err(format!("the service ended: {status}").into());
            }
            if Instant::now() > until {
                return Err("the service does not listen".into());
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        Ok(())
    }

    pub(super) const fn office(&mut self) -> &mut Calling {
        &mut self.calling
    }

    pub(super) fn url(&self) -> &str {
        &self.url
    }

    pub(super) fn folder(&self) -> &Path {
        &self.folder
    }

    /// What a command of the program prints.
    pub(super) async fn call(&self, arguments: &[&str]) -> Result<String, Failure> {
        Ok(output_of(self.calling.command(arguments)?).await?)
    }

    /// Stops it, and the database with it; the folder stays if somebody has to look at it.
    pub(super) async fn end(mut self, keeps_folder: bool) {
        if let Some(mut child) = self.serving.take() {
            let _ = Command::new("kill").arg(child.id().to_string()).status();
            let until = Instant::now() + STOP;
            while matches!(child.try_wait(), Ok(None)) && Instant::now() < until {
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
            let _ = child.kill();
            let _ = child.wait();
        }
        if keeps_folder {
            eprintln!("the service's folder is kept: {}", self.folder.display());
        } else if let Err(error) = fs::remove_dir_all(&self.folder) {
            eprintln!("{} is not removed: {error}", self.folder.display());
        }
    }
}
