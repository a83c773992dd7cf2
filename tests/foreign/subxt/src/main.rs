//! Asks a model a question as //Alice, by subxt, and prints the answer that the validators agreed on.

use std::error::Error;

use subxt::dynamic::{runtime_api_call, transaction};
use subxt::ext::scale_decode::DecodeAsType;
use subxt::ext::scale_encode::EncodeAsType;
use subxt::{OnlineClient, PolkadotConfig};
use subxt_signer::sr25519::dev;

const MODEL: &str = "common-lingua";
/// The most that the job may cost, in 10⁻¹² SIB.
const MAX_FEE: u128 = 1_000_000_000_000;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
	let mut args = std::env::args().skip(1);
	let (Some(url), Some(text)) = (args.next(), args.next()) else {
		return Err("two arguments are needed: the node's ws://… address, and the text".into());
	};
	let api = OnlineClient::<PolkadotConfig>::from_insecure_url(url).await?;

	let named = runtime_api_call::<_, Option<[u8; 32]>>("InferenceApi", "model_named", (MODEL.as_bytes(),));
	let Some(model) = api.at_current_block().await?.runtime_apis().call(named).await? else {
		return Err(format!("the chain has no model {MODEL}").into());
	};

	let submission = transaction("Inference", "submit", (model, Input::Text(text.into()), Options::default(), MAX_FEE));
	let events = api
		.at_current_block()
		.await?
		.transactions()
		.sign_and_submit_then_watch_default(&submission, &dev::alice())
		.await?
		.wait_for_finalized_success()
		.await?;
	let submitted = events.iter().find_map(|event| {
		let event = event.ok()?;
		let is_ours = event.pallet_name() == "Inference" && event.event_name() == "JobSubmitted";
		is_ours.then(|| event.decode_fields_unchecked_as::<Submitted>())
	});
	let Submitted { job } = submitted.ok_or("the block has no event JobSubmitted")??;
	println!("job {job}");

	// What a final block says of it stays.
	let mut blocks = api.stream_blocks().await?;
	while let Some(block) = blocks.next().await {
		let result = runtime_api_call::<_, Lookup>("InferenceApi", "result", (job,));
		match block?.at().await?.runtime_apis().call(result).await? {
			Lookup::Found(JobResult::Open) | Lookup::Unknown => {}
			Lookup::Found(JobResult::Agreed { output: Output::Answer(Answer::Classification(said)), support }) => {
				println!("{}, by {} of {} seats", String::from_utf8(said.label)?, support.agreed, support.seats);
				return Ok(());
			}
			other => return Err(format!("job {job} has no label: {other:?}").into()),
		}
	}
	Err("the node has no more blocks".into())
}

// Types of the chain, as far as they are used here. subxt finds their parts by name in the metadata, in whatever order.

#[derive(EncodeAsType)]
#[encode_as_type(crate_path = "subxt::ext::scale_encode")]
enum Input {
	Text(Vec<u8>),
}

#[derive(EncodeAsType)]
#[encode_as_type(crate_path = "subxt::ext::scale_encode")]
struct Options {
	seats: Seats,
	max_output_units: u32,
	draw_delay: u8,
	sampling: Sampling,
	seed: Option<u64>,
	format: Format,
	reuse: bool,
}

impl Default for Options {
	fn default() -> Self {
		Self {
			seats: Seats::All,
			max_output_units: 0,
			draw_delay: 1,
			sampling: Sampling { temperature: 0, top_k: 0, top_p: 0 },
			seed: None,
			format: Format::Text { stops: vec![] },
			reuse: false,
		}
	}
}

#[derive(EncodeAsType)]
#[encode_as_type(crate_path = "subxt::ext::scale_encode")]
enum Seats {
	All,
}

#[derive(EncodeAsType)]
#[encode_as_type(crate_path = "subxt::ext::scale_encode")]
struct Sampling {
	temperature: u16,
	top_k: u16,
	top_p: u32,
}

#[derive(EncodeAsType)]
#[encode_as_type(crate_path = "subxt::ext::scale_encode")]
enum Format {
	Text { stops: Vec<Vec<u8>> },
}

#[derive(DecodeAsType)]
#[decode_as_type(crate_path = "subxt::ext::scale_decode")]
struct Submitted {
	job: u64,
}

#[derive(Debug, DecodeAsType)]
#[decode_as_type(crate_path = "subxt::ext::scale_decode")]
enum Lookup {
	Found(JobResult),
	Pruned,
	Unknown,
}

#[derive(Debug, DecodeAsType)]
#[decode_as_type(crate_path = "subxt::ext::scale_decode")]
enum JobResult {
	Open,
	Agreed { output: Output, support: Support },
	WithoutOutput,
}

#[derive(Debug, DecodeAsType)]
#[decode_as_type(crate_path = "subxt::ext::scale_decode")]
enum Output {
	Answer(Answer),
	Refusal,
}

#[derive(Debug, DecodeAsType)]
#[decode_as_type(crate_path = "subxt::ext::scale_decode")]
enum Answer {
	Classification(Classification),
	Generation,
	Embedding,
	Choice,
	Number,
}

#[derive(Debug, DecodeAsType)]
#[decode_as_type(crate_path = "subxt::ext::scale_decode")]
struct Classification {
	label: Vec<u8>,
}

#[derive(Debug, DecodeAsType)]
#[decode_as_type(crate_path = "subxt::ext::scale_decode")]
struct Support {
	agreed: u16,
	seats: u16,
}
