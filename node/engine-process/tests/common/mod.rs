//! A child whose engine misbehaves as it is asked to, and parents of it.

use sibyl_engine::{
	testing::FakeEngine, Architecture, Engine, EngineError, Finish, Inference, Limits, ModelDescription, ModelFile,
	Request, Response, Task,
};
use sibyl_engine_process::{
	child::{self, Host},
	protocol::{send, FromChild, Refused},
	EngineProcess, LoadError, LoadOrder, ModelFiles, NamedFile, Patience, Settings,
};
use std::{
	fs::{self, File},
	hint::black_box,
	io::{self, Read, Write},
	net::{TcpListener, TcpStream},
	os::{fd::AsFd, unix::net::UnixStream},
	path::Path,
	process::Command,
	sync::{
		atomic::{AtomicU32, Ordering},
		Mutex,
	},
	thread,
	time::{Duration, Instant},
};
use tempfile::NamedTempFile;

/// Set in a child.
const IN_CHILD: &str = "SIBYL_TEST_CHILD";

/// Set in a process that is a parent itself.
pub const OTHER_PARENT: &str = "SIBYL_TEST_OTHER_PARENT";

/// An answer to a question about the child itself has this trace.
const TRACE: [u8; 32] = [7; 32];

/// Is a child where this process is one.
pub fn be_a_child() {
	if std::env::var_os(IN_CHILD).is_some() {
		let odd = |_| Ok(Odd { fake: FakeEngine::new(), loaded: Mutex::default(), busy: AtomicU32::new(0) });
		child::run(odd).expect("the parent ends it");
	}
}

/// An engine that does what its input says.
struct Odd {
	fake: FakeEngine,
	loaded: Mutex<Vec<ModelDescription>>,
	/// Questions that are being spun or waited over.
	busy: AtomicU32,
}

impl Host for Odd {
	fn load(&self, order: LoadOrder) -> Result<ModelDescription, LoadError> {
		let LoadOrder { name, architecture, files, .. } = order;
		let mut content = String::new();
		for (file, _) in &files {
			(&*file).read_to_string(&mut content).expect("it can be read");
		}
		let sha256 = match content.as_str() {
			"panic" => panic!("on purpose"),
			"abort" => std::process::abort(),
			"large" => return Err(LoadError::Memory { needed: 2, available: 1 }),
			"another" => [9; 32],
			_ => files[0].1,
		};
		let description = ModelDescription {
			name,
			architecture,
			files: vec![ModelFile { size: 1, sha256 }],
			task: architecture.task(),
		};
		self.loaded.lock().expect("nobody panics").push(description.clone());
		Ok(description)
	}

	fn unload(&self, sha256: &[u8; 32]) {
		self.loaded.lock().expect("nobody panics").retain(|model| !model.is(sha256));
	}
}

impl Engine for Odd {
	fn models(&self) -> Vec<ModelDescription> {
		self.fake.models()
	}

	fn infer(&self, request: &Request) -> Result<Inference, EngineError> {
		let loaded = self.loaded.lock().expect("nobody panics").iter().any(|model| model.is(&request.model));
		if loaded {
			return Ok(said("from a file"));
		}
		let input = std::str::from_utf8(request.input.text().unwrap_or_default()).expect("tests ask in UTF-8");
		self.answer(input, request)
	}
}

impl Odd {
	fn answer(&self, input: &str, request: &Request) -> Result<Inference, EngineError> {
		let (word, rest) = input.split_once(' ').unwrap_or((input, ""));
		let refused = |tried: io::Result<()>| {
			Ok(said(&tried.map_or_else(|error| format!("refused: {error}"), |()| "done".into())))
		};
		match (word, rest) {
			("beside", what) => {
				while self.busy.load(Ordering::Relaxed) == 0 {
					thread::sleep(Duration::from_millis(1));
				}
				self.answer(what, request)
			}
			("panic", _) => panic!("on purpose"),
			("abort", _) => std::process::abort(),
			("exit", code) => std::process::exit(code.parse().expect("a number")),
			("eat", _) => Ok(said(&eat())),
			("overflow", _) => Ok(said(&overflow(1).to_string())),
			("spin", _) => {
				self.busy.fetch_add(1, Ordering::Relaxed);
				loop {
					std::hint::spin_loop();
				}
			}
			("wait", _) => {
				self.busy.fetch_add(1, Ordering::Relaxed);
				loop {
					request.stop.check()?;
					thread::sleep(Duration::from_millis(1));
				}
			}
			("garbage", _) => say_and_wait(&[[2, 0, 0, 0], [250, 250, 0, 0]].concat()[..6]),
			("too", _) => say_and_wait(&u32::MAX.to_le_bytes()),
			("wrong", _) => answer_and_wait(&FromChild::Loaded { id: 1 << 40, loaded: Err(no_model()) }),
			("open", path) => refused(File::open(path).map(|_| ())),
			("write", _) => refused(fs::write(std::env::temp_dir().join("sibyl-written"), "x")),
			("connect", _) => refused(TcpStream::connect("127.0.0.1:1").map(|_| ()).or_else(refused_by_nobody)),
			("listen", _) => refused(TcpListener::bind("127.0.0.1:0").map(|_| ())),
			("execute", _) => refused(Command::new("/bin/true").status().map(|_| ())),
			("signal", pid) => {
				let pid = rustix::process::Pid::from_raw(pid.parse().expect("a number")).expect("a process");
				refused(rustix::process::test_kill_process(pid).map_err(Into::into))
			}
			("memory", _) => Ok(said(&black_box(vec![1_u8; 1 << 20]).len().to_string())),
			_ => self.fake.infer(request),
		}
	}
}

/// Where nobody listens, the network was there all the same.
fn refused_by_nobody(error: io::Error) -> io::Result<()> {
	match error.kind() {
		io::ErrorKind::ConnectionRefused => Ok(()),
		_ => Err(error),
	}
}

fn no_model() -> Refused {
	EngineError::InvalidModel("x".into()).into()
}

fn said(text: &str) -> Inference {
	let response = Response::Generation { text: text.into(), tokens: Vec::new(), finish: Finish::Stop };
	Inference { outcome: Ok(response), trace: TRACE }
}

fn eat() -> String {
	let mut eaten = Vec::new();
	loop {
		eaten.push(black_box(vec![1_u8; 16 << 20]));
		if eaten.len() > 1 << 10 {
			return format!("{} blocks", eaten.len());
		}
	}
}

#[allow(unconditional_recursion)]
fn overflow(n: u64) -> u64 {
	let block = black_box([n; 64]);
	overflow(n + 1) + block[n as usize % 64]
}

fn socket() -> UnixStream {
	UnixStream::from(io::stdin().as_fd().try_clone_to_owned().expect("there is one more descriptor"))
}

fn say_and_wait(bytes: &[u8]) -> Result<Inference, EngineError> {
	socket().write_all(bytes).expect("the parent reads");
	loop {
		thread::park();
	}
}

fn answer_and_wait(answer: &FromChild) -> Result<Inference, EngineError> {
	send(&socket(), answer, &[]).expect("the parent reads");
	loop {
		thread::park();
	}
}

/// A model's file.
pub struct Model {
	file: NamedTempFile,
	pub files: ModelFiles,
}

impl Model {
	/// With this in it, which the child does as it is loaded.
	pub fn new(content: &str) -> Self {
		let file = NamedTempFile::new().expect("a file can be made");
		let mut sha256 = [0; 32];
		sha256.iter_mut().zip(content.bytes()).for_each(|(to, from)| *to = from);
		let files = ModelFiles {
			name: content.into(),
			architecture: Architecture::Llama,
			files: vec![NamedFile { path: file.path().into(), sha256 }],
			context: 1,
		};
		assert_eq!(files.architecture.task(), Task::Generation);
		let model = Self { file, files };
		model.rewrite(content);
		model
	}

	/// With something else in it from now on.
	pub fn rewrite(&self, content: &str) {
		fs::write(self.file.path(), content).expect("it can be written");
	}
}

/// Long enough for a busy machine where nothing is wrong.
pub fn patient() -> Patience {
	Patience {
		start: Duration::from_secs(60),
		heartbeat: Duration::from_millis(50),
		silence: Duration::from_secs(60),
		wait: Duration::from_secs(60),
		first_pause: Duration::from_millis(1),
		..Patience::default()
	}
}

/// An engine in a child of this program.
pub fn engine() -> EngineProcess {
	engine_with(|_| ())
}

/// An engine in a child of this program, which is set up so.
pub fn engine_with(change: impl FnOnce(&mut Settings)) -> EngineProcess {
	let mut settings = Settings::this_program(&["--exact", "child", "--nocapture"]);
	let program = settings.program;
	settings.program = Box::new(move || {
		let mut command = program();
		command.env(IN_CHILD, "1");
		command
	});
	settings.patience = patient();
	change(&mut settings);
	EngineProcess::new(settings).expect("its thread starts")
}

/// A question of the model that every child has.
pub fn question(input: &str) -> Request {
	Request::new(FakeEngine::MODEL, input, Limits { max_input_bytes: 100, max_output_units: 1 })
}

/// The text or the label of an answer.
pub fn answer_of(engine: &EngineProcess, input: &str) -> String {
	let inference = engine.infer(&question(input)).expect("the child lives");
	match inference.outcome.expect("it is no refusal") {
		Response::Generation { text, .. } => text,
		Response::Classification { label, .. } => label,
		other => panic!("{other:?}"),
	}
}

/// What the child did in the end.
pub fn process_error<T: std::fmt::Debug>(ended: Result<T, EngineError>) -> String {
	match ended {
		Err(EngineError::Process(reason)) => reason,
		other => panic!("{other:?}"),
	}
}

/// Sends a signal.
pub fn kill(pid: u32, signal: &str) {
	let status = Command::new("kill").args([&format!("-{signal}"), &pid.to_string()]).status();
	assert!(status.expect("there is a kill").success());
}

/// Whether there is a process, be it one that has ended and that nobody has asked about.
pub fn is_alive(pid: u32) -> bool {
	Path::new(&format!("/proc/{pid}")).exists()
}

/// Whether there is no such process, or one that has ended: an orphan is asked about by a process that may not care.
pub fn has_ended(pid: u32) -> bool {
	fs::read_to_string(format!("/proc/{pid}/stat")).map_or(true, |stat| stat.contains(") Z "))
}

/// Waits for what comes soon.
pub fn wait_until(what: &str, mut is_so: impl FnMut() -> bool) {
	let until = Instant::now() + Duration::from_secs(60);
	while !is_so() {
		assert!(Instant::now() < until, "waited in vain: {what}");
		thread::sleep(Duration::from_millis(5));
	}
}
