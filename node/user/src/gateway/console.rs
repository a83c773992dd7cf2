//! The console: a page of files that were read once, so that no path leads elsewhere.

use super::http::{self, Response};
use hyper::{
	body::Bytes,
	header::{HeaderValue, CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, REFERRER_POLICY},
	HeaderMap, StatusCode,
};
use std::{
	collections::HashMap,
	fs, io,
	path::{Path, PathBuf},
};

/// Bytes of all files together.
const MAX_BYTES: u64 = 64 * 1024 * 1024;
const INDEX: &str = "index.html";
/// The light client's thread, which compiles WebAssembly and reaches nothing.
const WORKER: &str = "light-client.js";
/// As `clients/console/policy.mjs` has it, which a test compares.
const PAGE_POLICY: &str =
	"default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; worker-src 'self'; \
	connect-src 'self' ws: wss: https: http://127.0.0.1:* http://localhost:*; base-uri 'none'; form-action 'none'; \
	require-trusted-types-for 'script'; trusted-types sibyl-light-client; frame-ancestors 'none'";
const WORKER_POLICY: &str = "default-src 'none'; script-src 'wasm-unsafe-eval'";

/// The page.
pub struct Console {
	files: HashMap<String, Bytes>,
}

/// Why a folder holds no page.
#[derive(Debug, thiserror::Error)]
pub enum ConsoleError {
	/// It can't be read.
	#[error("can't read the console in {} ({source}): name the folder that 'npm run build --workspace clients/console' makes", path.display())]
	Unreadable {
		/// The folder.
		path: PathBuf,
		/// What the system says.
		source: io::Error,
	},
	/// It is another folder.
	#[error("{} holds no {INDEX}: name the folder that 'npm run build --workspace clients/console' makes", .0.display())]
	NoPage(PathBuf),
	/// It is none for a page.
	#[error("{} has more than {} MiB: name a folder that holds the console alone", .0.display(), MAX_BYTES / 1024 / 1024)]
	TooLarge(PathBuf),
}

impl Console {
	/// Reads the files of a folder; folders and links in it are passed over.
	pub fn read(folder: &Path) -> Result<Self, ConsoleError> {
		let unreadable = |source| ConsoleError::Unreadable { path: folder.into(), source };
		let (mut files, mut bytes) = (HashMap::new(), 0);
		for entry in fs::read_dir(folder).map_err(unreadable)? {
			let entry = entry.map_err(unreadable)?;
			let (Ok(name), true) = (entry.file_name().into_string(), entry.file_type().map_err(unreadable)?.is_file())
			else {
				continue;
			};
			bytes += entry.metadata().map_err(unreadable)?.len();
			if bytes > MAX_BYTES {
				return Err(ConsoleError::TooLarge(folder.into()));
			}
			files.insert(name, fs::read(entry.path()).map_err(unreadable)?.into());
		}
		match files.contains_key(INDEX) {
			true => Ok(Self { files }),
			false => Err(ConsoleError::NoPage(folder.into())),
		}
	}

	/// The file at this path; none where the page has none of this name.
	pub fn get(&self, path: &str) -> Option<Response> {
		let name = match path.strip_prefix('/')? {
			"" => INDEX,
			name => name,
		};
		let bytes = self.files.get(name)?;
		let policy = if name == WORKER { WORKER_POLICY } else { PAGE_POLICY };
		let headers = [
			(CONTENT_TYPE, kind(name)),
			(CONTENT_SECURITY_POLICY, policy),
			(REFERRER_POLICY, "no-referrer"),
			(CACHE_CONTROL, "no-cache"),
		];
		let headers = headers.into_iter().map(|(name, value)| (name, HeaderValue::from_static(value)));
		Some(http::respond(StatusCode::OK, HeaderMap::from_iter(headers), bytes.clone()))
	}
}

fn kind(name: &str) -> &'static str {
	match name.rsplit_once('.').map(|(_, ending)| ending) {
		Some("html") => "text/html; charset=utf-8",
		Some("js") => "text/javascript; charset=utf-8",
		Some("css") => "text/css; charset=utf-8",
		Some("svg") => "image/svg+xml; charset=utf-8",
		Some("txt") => "text/plain; charset=utf-8",
		_ => "application/octet-stream",
	}
}

#[cfg(test)]
mod tests {
	use super::*;
	use std::os::unix::fs::symlink;

	fn page() -> tempfile::TempDir {
		let folder = tempfile::tempdir().expect("there is room");
		for name in [INDEX, "main.js", WORKER] {
			fs::write(folder.path().join(name), name).expect("there is room");
		}
		folder
	}

	#[test]
	fn the_page_should_have_its_types_and_policies() {
		let folder = page();
		let console = Console::read(folder.path()).expect("a page");
		let header =
			|path, name| console.get(path).expect("it is there").headers()[name].to_str().expect("ASCII").to_string();
		assert!(header("/", CONTENT_TYPE).starts_with("text/html"));
		assert!(header("/main.js", CONTENT_TYPE).starts_with("text/javascript"));
		assert_eq!(header("/index.html", CONTENT_SECURITY_POLICY), PAGE_POLICY);
		assert_eq!(header("/light-client.js", CONTENT_SECURITY_POLICY), WORKER_POLICY);
	}

	#[test]
	fn no_path_should_lead_out_of_the_folder() {
		let folder = page();
		let secret = tempfile::NamedTempFile::new().expect("there is room");
		symlink(secret.path(), folder.path().join("link")).expect("it can be made");
		fs::create_dir(folder.path().join("inner")).expect("it can be made");
		let console = Console::read(folder.path()).expect("a page");
		let outside = format!("/{}", secret.path().display());
		for path in ["/../Cargo.toml", "/%2e%2e/x", "//etc/passwd", "/link", "/inner", "/.", "", "index.html", &outside]
		{
			assert!(console.get(path).is_none(), "{path}");
		}
	}

	#[test]
	fn a_folder_that_holds_no_page_should_be_refused() {
		let folder = tempfile::tempdir().expect("there is room");
		assert!(matches!(Console::read(folder.path()), Err(ConsoleError::NoPage(_))));
		assert!(matches!(Console::read(Path::new("/nowhere")), Err(ConsoleError::Unreadable { .. })));
	}
}
