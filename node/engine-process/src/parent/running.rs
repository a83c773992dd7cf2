//! A child that runs: its process, and the threads that listen to it.

use super::{
	connection::{Begun, Connection},
	log_lines::{self, LastWords},
	Shared,
};
use crate::protocol::{Setup, VERSION};
use std::{
	io,
	os::{
		fd::OwnedFd,
		unix::{net::UnixStream, process::CommandExt, process::ExitStatusExt},
	},
	process::{Child, ExitStatus, Stdio},
	sync::{
		mpsc::{sync_channel, Receiver, RecvTimeoutError},
		Arc,
	},
	thread::{self, JoinHandle},
	time::{Duration, Instant},
};

/// How often a process is looked at that is about to end.
const LOOK: Duration = Duration::from_millis(5);

/// How long a child that has closed its socket may take to be gone, and its last words to come.
const TO_BE_GONE: Duration = Duration::from_secs(1);

/// A child.
pub(super) struct Running {
	process: Child,
	pub(super) connection: Arc<Connection>,
	reader: JoinHandle<()>,
	begun: Receiver<Begun>,
	words: Receiver<LastWords>,
}

impl Running {
	/// Starts a child, which is then told how to be.
	pub(super) fn start(shared: &Arc<Shared>) -> io::Result<Self> {
		let settings = &shared.settings;
		let (socket, of_child) = UnixStream::pair()?;
		let connection = Arc::new(Connection::new(socket, settings.patience.silence)?);
		let mut command = (settings.program)();
		// A group of its own, so that the terminal's Ctrl-C is the node's alone.
		command.stdin(OwnedFd::from(of_child)).stdout(Stdio::null()).stderr(Stdio::piped()).process_group(0);
		let mut process = command.spawn()?;
		// It holds the child's end, by which the child's end is seen.
		drop(command);
		let (begin, begun) = sync_channel(1);
		let (last, words) = sync_channel(1);
		let (listener, of_reader) = (connection.clone(), shared.clone());
		let read = move || {
			listener.read(begin);
			of_reader.ring();
		};
		let stderr = process.stderr.take();
		let tell = move || {
			// Who wants to know may not have waited.
			let _ =
				last.try_send(stderr.map_or_else(LastWords::default, |stderr| log_lines::tell(stderr, log_lines::log)));
		};
		let named = |name: &str| thread::Builder::new().name(name.into());
		let threads = named("engine-log").spawn(tell).and_then(|_| named("engine-reader").spawn(read));
		let reader = match threads {
			Ok(reader) => reader,
			Err(error) => {
				// It is nobody's child now, however that went.
				let _ = kill(&mut process);
				return Err(error);
			}
		};
		connection.set_up(Setup {
			version: VERSION,
			threads: settings.threads,
			places: settings.places,
			memory: settings.memory,
		});
		Ok(Self { process, connection, reader, begun, words })
	}

	/// The process's id.
	pub(super) fn pid(&self) -> u32 {
		self.process.id()
	}

	/// What the child says first, if that comes within this time; none where it has ended before.
	pub(super) fn begun(&self, time: Duration) -> Option<Option<Begun>> {
		match self.begun.recv_timeout(time) {
			Ok(begun) => Some(Some(begun)),
			Err(RecvTimeoutError::Disconnected) => Some(None),
			Err(RecvTimeoutError::Timeout) => None,
		}
	}

	/// Ends a child in good order, within this time.
	pub(super) fn close(mut self, time: Duration) {
		self.connection.say_goodbye();
		// The process is gone, however it went.
		let _ = reap(&mut self.process, time);
		self.connection.close();
		let _ = self.reader.join();
		self.connection.fail_all("is shut down");
	}

	/// Ends a child that is over. Returns what it did in the end, and how many inferences ended with it.
	pub(super) fn bury(mut self) -> (String, usize) {
		let condemned = self.connection.condemned();
		let time = if condemned.is_some() { Duration::ZERO } else { TO_BE_GONE };
		let status = reap(&mut self.process, time);
		self.connection.close();
		// It has nothing to say.
		let _ = self.reader.join();
		let words = self.words.recv_timeout(TO_BE_GONE).unwrap_or_default();
		// What the reader found before the end counts.
		let reason = condemned.or_else(|| self.connection.condemned()).unwrap_or_else(|| ending(status, words));
		let inferences = self.connection.fail_all(&reason);
		(reason, inferences)
	}
}

/// Waits for the end of a process, and brings it about when the time is over.
fn reap(process: &mut Child, time: Duration) -> io::Result<ExitStatus> {
	let until = Instant::now() + time;
	loop {
		if let Some(status) = process.try_wait()? {
			return Ok(status);
		}
		if Instant::now() >= until {
			return kill(process);
		}
		thread::sleep(LOOK);
	}
}

fn kill(process: &mut Child) -> io::Result<ExitStatus> {
	process.kill()?;
	process.wait()
}

fn ending(status: io::Result<ExitStatus>, words: LastWords) -> String {
	match (status.map(|status| (status.signal(), status.code())), words) {
		(_, LastWords { no_memory: true, .. }) => "ran out of the memory that it may take".into(),
		(_, LastWords { no_stack: true, .. }) => "overflowed its stack".into(),
		(Ok((Some(signal), _)), _) => format!("was killed by signal {signal}"),
		(Ok((None, Some(code))), _) => format!("exited with code {code}"),
		(Ok((None, None)), _) => "ended".into(),
		(Err(error), _) => format!("ended, and the system does not say how ({error})"),
	}
}
