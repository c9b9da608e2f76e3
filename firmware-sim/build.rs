//! The page's files are embedded in the program: each file of `web/static` and `web/till`, under the path that it is asked by.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let web = PathBuf::from(std::env::var("CARGO_MANIFEST_DIR")?).join("../web");
    let mut list = String::from("&[\n");
    for folder in ["static", "till"] {
        println!("cargo::rerun-if-changed={}", web.join(folder).display());
        let mut files: Vec<PathBuf> = std::fs::read_dir(web.join(folder))?
            .map(|entry| entry.map(|entry| entry.path()))
            .collect::<Result<_, _>>()?;
        files.sort();
        for file in files.iter().filter(|file| file.is_file()) {
            let name = file.file_name().and_then(|name| name.to_str()).ok_or("a file's name is no text")?;
            let path = Path::new(folder).join(name);
            writeln!(list, "    ({:?}, include_bytes!({:?})),", format!("/{}", path.display()), file.canonicalize()?)?;
        }
    }
    list.push_str("]\n");
    std::fs::write(PathBuf::from(std::env::var("OUT_DIR")?).join("assets.rs"), list)?;
    Ok(())
}
