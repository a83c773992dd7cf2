//! Frames, and the descriptors that come with them.

use codec::{DecodeAll, Encode};
use rustix::net::{
	recvmsg, sendmsg, RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, SendAncillaryBuffer, SendAncillaryMessage,
	SendFlags,
};
use std::{
	fs::File,
	io::{self, ErrorKind, IoSlice, IoSliceMut, Read, Write},
	mem::MaybeUninit,
	os::{fd::BorrowedFd, unix::net::UnixStream},
};

/// The longest message, in bytes: a long input or a long answer is a hundredth of it.
pub const MAX_FRAME: usize = 16 << 20;

/// The most files that come with one frame.
pub const MAX_FILES: usize = 16;

/// What comes before a frame: its length.
const HEADER: usize = 4;

/// Why a frame can't be read.
#[derive(Debug, thiserror::Error)]
pub enum FrameError {
	/// The socket failed, or ended within a frame.
	#[error(transparent)]
	Io(#[from] io::Error),
	/// Nobody sends so much.
	#[error("a message of {0} bytes, more than {MAX_FRAME}")]
	TooLong(usize),
	/// It is no message.
	#[error("a message that can't be read: {0}")]
	Nonsense(#[from] codec::Error),
}

/// Sends a message, and files with it: at most [`MAX_FILES`]. Frames of several threads must not mix.
///
/// A message that is too long is [`ErrorKind::InvalidInput`], and nothing is sent.
pub fn send(mut socket: &UnixStream, message: &impl Encode, files: &[BorrowedFd<'_>]) -> io::Result<()> {
	let mut frame = vec![0; HEADER];
	message.encode_to(&mut frame);
	let length = frame.len() - HEADER;
	if length > MAX_FRAME || files.len() > MAX_FILES {
		return Err(io::Error::new(ErrorKind::InvalidInput, format!("a message of {length} bytes is too long")));
	}
	frame[..HEADER].copy_from_slice(&(length as u32).to_le_bytes());
	if files.is_empty() {
		return socket.write_all(&frame);
	}
	let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(MAX_FILES))];
	let mut control = SendAncillaryBuffer::new(&mut space);
	if !control.push(SendAncillaryMessage::ScmRights(files)) {
		return Err(io::Error::new(ErrorKind::InvalidInput, "too many files"));
	}
	// They come with the first byte, wherever the kernel cuts the rest.
	let sent = sendmsg(socket, &[IoSlice::new(&frame)], &mut control, SendFlags::NOSIGNAL)?;
	socket.write_all(&frame[sent..])
}

/// The next message; none at the end. Files that come with it are closed.
pub fn receive<T: DecodeAll>(mut socket: &UnixStream) -> Result<Option<T>, FrameError> {
	let mut header = [0; HEADER];
	let first = read_some(&mut header, |part| socket.read(part))?;
	read_rest(socket, header, first)
}

/// The next message and the files that come with it; none at the end.
pub fn receive_with_files<T: DecodeAll>(socket: &UnixStream) -> Result<Option<(T, Vec<File>)>, FrameError> {
	let mut header = [0; HEADER];
	let mut files = Vec::new();
	let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(MAX_FILES))];
	let first = read_some(&mut header, |part| {
		let mut control = RecvAncillaryBuffer::new(&mut space);
		let read = recvmsg(socket, &mut [IoSliceMut::new(part)], &mut control, RecvFlags::CMSG_CLOEXEC)?;
		for message in control.drain() {
			if let RecvAncillaryMessage::ScmRights(descriptors) = message {
				files.extend(descriptors.map(File::from));
			}
		}
		Ok(read.bytes)
	})?;
	Ok(read_rest(socket, header, first)?.map(|message| (message, files)))
}

fn read_some(part: &mut [u8], mut read: impl FnMut(&mut [u8]) -> io::Result<usize>) -> io::Result<usize> {
	loop {
		match read(part) {
			Err(error) if error.kind() == ErrorKind::Interrupted => {}
			read => return read,
		}
	}
}

/// Reads a frame of whose header there are so many bytes.
fn read_rest<T: DecodeAll>(
	mut socket: &UnixStream,
	mut header: [u8; HEADER],
	first: usize,
) -> Result<Option<T>, FrameError> {
	if first == 0 {
		return Ok(None);
	}
	socket.read_exact(&mut header[first..])?;
	let length = u32::from_le_bytes(header) as usize;
	if length > MAX_FRAME {
		return Err(FrameError::TooLong(length));
	}
	let mut body = vec![0; length];
	socket.read_exact(&mut body)?;
	Ok(Some(T::decode_all(&mut &body[..])?))
}

#[cfg(test)]
mod tests {
	use super::*;
	use std::{io::Seek, os::fd::AsFd, thread};

	fn pair() -> (UnixStream, UnixStream) {
		UnixStream::pair().expect("a pair of sockets can be made")
	}

	#[test]
	fn messages_should_come_as_they_were_sent_and_then_the_end() {
		let (one, other) = pair();
		let long = "x".repeat(3_000_000);
		let sent = long.clone();
		let sender = thread::spawn(move || {
			send(&one, &sent, &[]).expect("it is sent");
			send(&one, &String::new(), &[]).expect("it is sent");
		});
		assert_eq!(receive::<String>(&other).expect("it comes"), Some(long));
		assert_eq!(receive::<String>(&other).expect("it comes"), Some(String::new()));
		assert_eq!(receive::<String>(&other).expect("the end comes"), None);
		sender.join().expect("it is sent");
	}

	#[test]
	fn files_should_come_with_their_own_message() {
		let (one, other) = pair();
		let mut file = tempfile::tempfile().expect("a file can be made");
		file.write_all(b"content").expect("it can be written");
		file.rewind().expect("it can be read");
		send(&one, &1_u8, &[]).expect("it is sent");
		send(&one, &2_u8, &[file.as_fd(), file.as_fd()]).expect("it is sent");
		send(&one, &3_u8, &[]).expect("it is sent");
		let next = || receive_with_files::<u8>(&other).expect("it comes").expect("it is not the end");
		let (first, second, third) = (next(), next(), next());
		assert_eq!([first.0, second.0, third.0], [1, 2, 3]);
		assert_eq!([first.1.len(), second.1.len(), third.1.len()], [0, 2, 0]);
		let mut content = String::new();
		(&second.1[1]).read_to_string(&mut content).expect("it can be read");
		assert_eq!(content, "content");
	}

	#[test]
	fn what_is_too_long_cut_off_or_no_message_should_be_an_error() {
		let read = |bytes: &[u8]| {
			let (mut one, other) = pair();
			one.write_all(bytes).expect("it is sent");
			drop(one);
			receive::<String>(&other).expect_err("it is no message")
		};
		assert!(matches!(read(&u32::MAX.to_le_bytes()), FrameError::TooLong(_)));
		assert!(matches!(read(&[9, 0]), FrameError::Io(_)));
		assert!(matches!(read(&[9, 0, 0, 0, 1]), FrameError::Io(_)));
		assert!(matches!(read(&[2, 0, 0, 0, 40, 1]), FrameError::Nonsense(_)));
		assert!(matches!(read(&[3, 0, 0, 0, 4, b'a', b'b']), FrameError::Nonsense(_)), "more than the message");
	}

	#[test]
	fn a_message_that_nobody_would_read_should_not_be_sent() {
		let (one, other) = pair();
		let error = send(&one, &vec![0_u8; MAX_FRAME], &[]).expect_err("it is too long");
		assert_eq!(error.kind(), ErrorKind::InvalidInput);
		drop(one);
		assert_eq!(receive::<String>(&other).expect("nothing was sent"), None);
	}
}
