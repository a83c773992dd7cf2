//! How a child is started, and how long it is waited for.

use std::{process::Command, time::Duration};

/// How an [`EngineProcess`](super::EngineProcess) is to be.
pub struct Settings {
	/// Makes the command that runs [`child::run`](crate::child::run). Its standard streams and its process group are set here.
	pub program: Box<dyn Fn() -> Command + Send + Sync>,
	/// Threads that inferences are computed in.
	pub threads: u32,
	/// Requests of one model that run at once.
	pub places: u32,
	/// The most bytes of memory that the child may take, a model's files counted while it is loaded; as much as it likes
	/// where there is none.
	pub memory: Option<u64>,
	/// The bytes of memory that the system has left, where it says so.
	pub available: fn() -> Option<u64>,
	/// How long it is waited for.
	pub patience: Patience,
}

impl Settings {
	/// The program that runs already, started again with these arguments and none of its environment.
	pub fn this_program(arguments: &'static [&'static str]) -> Self {
		let program = move || {
			let mut command = Command::new(own_path());
			command.args(arguments).env_clear().current_dir("/");
			// jemalloc, if it is the program's allocator, would keep the addresses of what is freed, and the limit counts them.
			command.env("_RJEM_MALLOC_CONF", "retain:false");
			// Without it a program may not find the libraries that it is linked with.
			if let Some(path) = std::env::var_os("LD_LIBRARY_PATH") {
				command.env("LD_LIBRARY_PATH", path);
			}
			command
		};
		Self {
			program: Box::new(program),
			threads: 1,
			places: 1,
			memory: None,
			available: || None,
			patience: Patience::default(),
		}
	}
}

/// The file of this program: the one that runs, also where another has been installed in its place meanwhile.
fn own_path() -> std::path::PathBuf {
	match cfg!(target_os = "linux") {
		true => "/proc/self/exe".into(),
		false => std::env::current_exe().unwrap_or_default(),
	}
}

/// How long a child is waited for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Patience {
	/// Until it is ready.
	pub start: Duration,
	/// Until it has loaded a model.
	pub load: Duration,
	/// For one inference, which is stopped then.
	pub longest_run: Duration,
	/// From the word that an inference is to stop to its end.
	pub grace: Duration,
	/// Between two looks whether it still reads.
	pub heartbeat: Duration,
	/// From such a look to a sign of life.
	pub silence: Duration,
	/// For a child to be there that a question can be asked of.
	pub wait: Duration,
	/// Until it has ended in good order.
	pub end: Duration,
	/// Before the third start in a row without a successful inference between; the second is made at once.
	pub first_pause: Duration,
	/// The longest that this doubles to.
	pub longest_pause: Duration,
}

impl Default for Patience {
	fn default() -> Self {
		Self {
			start: Duration::from_secs(30),
			load: Duration::from_secs(300),
			longest_run: Duration::from_secs(120),
			grace: Duration::from_secs(10),
			heartbeat: Duration::from_secs(1),
			silence: Duration::from_secs(10),
			wait: Duration::from_secs(15),
			end: Duration::from_secs(2),
			first_pause: Duration::from_secs(1),
			longest_pause: Duration::from_secs(60),
		}
	}
}
