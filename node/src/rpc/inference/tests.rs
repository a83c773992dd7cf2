mod fuzz;
mod models;

use super::*;
use crate::inference::mock::{account, fake_model, MockChain};
use jsonrpsee::{core::server::MethodsError, RpcModule};
use serde_json::{json, Value};
use sibyl_primitives::{
	api::{
		AgreementView, AuditView, CommitteeView, JobFilter, JobPage, JobSummary, JobView, PhaseView, QuoteError,
		ResultView, SeatView, SeatVoteView, ServiceRecord, SettlementView, Support, ValidatorView,
	},
	format::Format,
	input::Input as ChainInput,
	job::{AbstainReason, JobOptions, Refusal, Sampling, Verdict},
	output::{Answer, Classification, LabelScore, Output},
	price::Quote as ChainQuote,
};
use sp_core::crypto::Ss58Codec;

pub(super) const ID: JobId = 7;

/// The code, the name and the message of an error.
pub(super) type RpcError = (i32, String, String);

/// Asks one of our methods, which need no connection.
pub(super) fn call<Context>(module: &RpcModule<Context>, method: &str, params: Value) -> Result<Value, RpcError> {
	let params = params.as_array().expect("parameters are a list").clone();
	let method = format!("inference_{method}");
	let call = module.call::<_, Value>(&method, params);
	let runtime = sc_cli::build_runtime().expect("a runtime can be built");
	runtime.block_on(call).map_err(|error| {
		let MethodsError::JsonRpc(error) = error else { panic!("{error}") };
		let name = error.data().map(|data| serde_json::from_str(data.get()).expect("the data is a name"));
		(error.code(), name.unwrap_or_default(), error.message().into())
	})
}

/// The code and the name of an error that says what to do.
pub(super) fn error(answer: Result<Value, RpcError>) -> (i32, String) {
	let (code, name, message) = answer.expect_err("it has no answer");
	assert!(message.contains(':') || message.contains(';'), "it says what to do: {message}");
	(code, name)
}

struct Test {
	chain: Arc<MockChain>,
	module: RpcModule<Inference<MockChain>>,
}

impl Test {
	/// Ten blocks, of which seven are finalised.
	fn new() -> Self {
		let chain = Arc::new(MockChain::new());
		chain.extend_silently(10);
		chain.state().finalised = 7;
		Self::on(chain, false)
	}

	fn on(chain: Arc<MockChain>, is_syncing: bool) -> Self {
		Self { module: Inference::new(chain.clone(), Arc::new(move || is_syncing)).into_rpc(), chain }
	}

	fn call(&self, method: &str, params: Value) -> Result<Value, RpcError> {
		call(&self.module, method, params)
	}

	fn error(&self, method: &str, params: Value) -> (i32, String) {
		error(self.call(method, params))
	}

	fn hash(&self, number: BlockNumber) -> Hash {
		self.chain.hash(number).expect("the mock always answers").expect("the chain is long enough")
	}

	fn result(&self, view: ResultView) -> Value {
		self.chain.state().results.insert(ID, Lookup::Found(view));
		self.call("getResult", json!([ID])).expect("there is a result")
	}
}

const SUPPORT: Support = Support { round: 0, seats: 5, agreed: 4, serving: 9 };

fn agreed(output: Output, output_hash: Hash, at: BlockNumber, settled: bool) -> ResultView {
	ResultView::Agreed { output, output_hash, at, support: SUPPORT, audit: AuditView::None, settled, reused: None }
}

pub(super) fn job() -> JobView {
	let seat = |n, vote| SeatView { validator: account(n), vote };
	let committee =
		|round, seats| CommitteeView { draw: Hash::repeat_byte(3), round, session: 2, drawn_at: 4, serving: 9, seats };
	JobView {
		id: ID,
		fingerprint: Hash::repeat_byte(1),
		requester: account(9),
		model: Hash::repeat_byte(2),
		input: "Ça va?".into(),
		options: JobOptions {
			seats: Seats::Fixed(5),
			max_output_units: 4,
			draw_delay: 2,
			sampling: Sampling { temperature: 700, top_k: 40, top_p: 950_000 },
			seed: Some(u64::MAX),
			format: Format::Number { min: -1, max: 1, decimals: 0 },
			reuse: false,
		},
		quote: ChainQuote { seats: 5, per_seat: 10, author_share: 2, protocol_share: 1, total: u128::MAX },
		submitted_at: 3,
		phase: PhaseView::Revealing,
		deadline: Some(20),
		ends_by: 30,
		committees: vec![
			committee(0, vec![seat(5, SeatVoteView::Missing)]),
			committee(
				1,
				vec![
					seat(0, SeatVoteView::Missing),
					seat(1, SeatVoteView::Abstained(AbstainReason::TooSlow)),
					seat(2, SeatVoteView::Committed),
					seat(3, SeatVoteView::Revealed(Hash::repeat_byte(4))),
				],
			),
		],
		has_substitutes: true,
		agreed: None,
		audit: AuditView::None,
		settlement: None,
		reused: None,
	}
}

fn answer() -> Output {
	let text = |label: &str| label.try_into().expect("it is short");
	let scores = vec![LabelScore { label: text("fra"), score: 900_000 }].try_into().expect("it is one");
	Output::Answer(Answer::Classification(Classification { label: text("fra"), scores }))
}

fn address(n: u8) -> String {
	sibyl_rpc_types::address(&account(n))
}

#[test]
fn addresses_are_of_this_chain() {
	assert_eq!(address(9), "bVnqjF8iStDR4TtHSHRd17AKke8eVjeLHba2qL4DSo7KFW14Y");
}

#[test]
fn a_job_is_shown_with_its_committee_and_what_each_seat_did() {
	let test = Test::new();
	test.chain.state().jobs.insert(ID, Lookup::Found(job()));
	let hash = |n: u8| format!("0x{}", format!("{n:02x}").repeat(32));
	let expected = json!({
		"id": 7,
		"fingerprint": hash(1),
		"requester": address(9),
		"model": hash(2),
		"input": { "text": "Ça va?" },
		"options": { "seats": { "fixed": 5 }, "maxOutputUnits": 4, "drawDelay": 2,
			"sampling": { "temperature": 700, "topK": 40, "topP": 950000 }, "seed": "18446744073709551615",
			"format": { "number": { "min": -1, "max": 1, "decimals": 0 } }, "reuse": false },
		"price": {
			"seats": 5,
			"perSeat": "10",
			"authorShare": "2",
			"protocolShare": "1",
			"total": "340282366920938463463374607431768211455",
		},
		"submittedAt": 3,
		"phase": "revealing",
		"verdict": null,
		"endedAt": null,
		"deadline": 20,
		"endsBy": 30,
		"committees": [{
			"draw": hash(3),
			"round": 0,
			"session": 2,
			"drawnAt": 4,
			"serving": 9,
			"seats": [{ "validator": address(5), "vote": "missing" }],
			"committed": [],
			"revealed": [],
			"missing": [address(5)],
		}, {
			"draw": hash(3),
			"round": 1,
			"session": 2,
			"drawnAt": 4,
			"serving": 9,
			"seats": [
				{ "validator": address(0), "vote": "missing" },
				{ "validator": address(1), "vote": "abstained", "reason": "tooSlow" },
				{ "validator": address(2), "vote": "committed" },
				{ "validator": address(3), "vote": "revealed", "outputHash": hash(4) },
			],
			"committed": [address(2)],
			"revealed": [address(3)],
			"missing": [address(0)],
		}],
		"hasSubstitutes": true,
		"agreed": null,
		"audit": { "status": "none" },
		"settlement": null,
	});
	assert_eq!(test.call("getJob", json!([ID])), Ok(expected));
}

pub(super) fn ended_job() -> JobView {
	JobView { phase: PhaseView::Ended { verdict: Verdict::Agreed, at: 8 }, ..job() }
}

#[test]
fn a_node_that_syncs_says_so_and_not_that_there_is_none() {
	let test = Test::on(Test::new().chain, true);
	let syncing = (10018, "Syncing".to_string());
	for (method, params) in [
		("getJob", json!([ID])),
		("getResult", json!([ID])),
		("getJob", json!([ID, Hash::repeat_byte(9)])),
		("quote", json!([Hash::zero(), "all", 5, 0])),
		("getModel", json!(["nosuch"])),
		("listJobs", json!([])),
		("listModels", json!([])),
		("validator", json!([address(1)])),
	] {
		assert_eq!(test.error(method, params), syncing, "{method}");
	}
	test.chain.state().jobs.insert(ID, Lookup::Found(job()));
	assert!(test.call("getJob", json!([ID])).is_ok(), "what it knows it tells");
	test.chain.state().jobs.insert(ID, Lookup::Pruned);
	assert_eq!(test.error("getJob", json!([ID])).1, "PrunedJob", "that is sure");
	let block = test.hash(10);
	assert!(test.call("listJobs", json!([null, null, null, block])).is_ok(), "what a block has it tells");
	assert!(test.call("listModels", json!([null, null, block])).is_ok(), "what a block has it tells");
	test.chain.state().fails = true;
	assert_eq!(test.error("listModels", json!([null, null, block])), syncing);
}

#[test]
fn a_number_is_taken_as_clients_write_it() {
	let test = Test::new();
	test.chain.state().jobs.insert(1 << 52, Lookup::Found(job()));
	for id in [json!(1_u64 << 52), json!("4503599627370496"), json!("0x0010000000000000")] {
		assert!(test.call("getJob", json!([id])).is_ok(), "{id}");
	}
	let (code, _, message) = test.call("getJob", json!(["seven"])).expect_err("it is none");
	assert!(code == -32602, "{code}: {message}");
}

#[test]
fn jobs_are_listed_by_a_filter_and_told_where_to_go_on() {
	let test = Test::new();
	let summary = JobSummary {
		id: ID,
		fingerprint: Hash::repeat_byte(1),
		requester: account(9),
		model: Hash::repeat_byte(2),
		submitted_at: 3,
		total: u128::MAX,
		phase: PhaseView::Ended { verdict: Verdict::Expired, at: 8 },
	};
	test.chain.state().page = JobPage { jobs: vec![summary], next: Some(7) };
	let listed = test.call("listJobs", json!([])).expect("there is a list");
	assert_eq!(listed["next"], 7);
	assert_eq!(
		listed["jobs"],
		json!([{
			"id": 7,
			"fingerprint": Hash::repeat_byte(1),
			"requester": address(9),
			"model": Hash::repeat_byte(2),
			"submittedAt": 3,
			"price": "340282366920938463463374607431768211455",
			"phase": "ended",
			"verdict": "expired",
		}])
	);
	let filter = json!({ "requester": address(9), "model": Hash::repeat_byte(2), "open": false });
	test.call("listJobs", json!([filter, "9", 256])).expect("there is a list");
	let on_chain = JobFilter { requester: Some(account(9)), model: Some(Hash::repeat_byte(2)), is_open: Some(false) };
	assert_eq!(test.chain.state().listed, [(JobFilter::default(), None, 64), (on_chain, Some(9), 256)]);
	for (params, parameter) in [
		(json!([null, null, 0]), "limit"),
		(json!([null, null, 257]), "limit"),
		(json!([{ "requester": "nobody" }]), "requester"),
	] {
		let (code, name, message) = test.call("listJobs", params).expect_err("it is wrong");
		assert_eq!((code, name.as_str()), (10015, "InvalidParameter"));
		assert!(message.contains(parameter), "{message}");
	}
	assert_eq!(test.call("listJobs", json!([{ "requestor": "x" }])).expect_err("a misspelt name").0, -32602);
}

#[test]
fn a_final_result_is_told_as_final_where_a_warp_sync_left_out_its_block() {
	let test = Test::new();
	test.chain.forget(5);
	let result = test.result(agreed(answer(), Hash::zero(), 5, true));
	assert_eq!((&result["blockHash"], &result["finalized"]), (&Value::Null, &json!(true)));
}

#[test]
fn an_ended_job_is_shown_with_its_verdict_and_where_its_money_went() {
	let test = Test::new();
	let ended = JobView {
		input: ChainInput::Raw(vec![b'a', 0xff]),
		options: JobOptions::default(),
		phase: PhaseView::Ended { verdict: Verdict::Failed(Refusal::NotFinite), at: 8 },
		deadline: None,
		committees: vec![],
		agreed: Some(AgreementView { output_hash: Hash::repeat_byte(5), at: 6, support: SUPPORT }),
		audit: AuditView::Overturned { output_hash: Hash::repeat_byte(7) },
		settlement: Some(SettlementView { paid: 50, refunded: 5, author_share: 2, protocol_share: 3 }),
		..job()
	};
	test.chain.state().jobs.insert(ID, Lookup::Found(ended));
	let job = test.call("getJob", json!([ID, test.hash(9)])).expect("there is a job");
	assert_eq!(job["phase"], "ended");
	assert_eq!(job["verdict"], "failed");
	assert_eq!(job["endedAt"], 8);
	assert_eq!(job["deadline"], Value::Null);
	assert_eq!(job["committees"], json!([]));
	assert_eq!(job["agreed"]["at"], 6);
	assert_eq!(job["agreed"]["support"], json!({ "round": 0, "seats": 5, "agreed": 4, "serving": 9 }));
	assert_eq!(job["audit"], json!({ "status": "overturned", "outputHash": Hash::repeat_byte(7) }));
	assert_eq!(job["settlement"], json!({ "paid": "50", "refunded": "5", "authorShare": "2", "protocolShare": "3" }));
	assert_eq!(job["options"]["seats"], "all");
	assert_eq!(job["options"]["seed"], Value::Null);
	assert_eq!(job["input"], json!({ "raw": "a\u{fffd}" }));
}

#[test]
fn an_open_job_has_no_result_yet_but_a_deadline() {
	let test = Test::new();
	let expected = json!({
		"id": 7,
		"status": "open",
		"phase": "committing",
		"deadline": 20,
		"answer": null,
		"refusal": null,
		"outputHash": null,
		"agreedAt": null,
		"support": null,
		"audit": null,
		"settled": false,
		"blockHash": null,
		"finalized": false,
	});
	assert_eq!(test.result(ResultView::Open { phase: PhaseView::Committing, deadline: 20 }), expected);
}

#[test]
fn an_answer_is_shown_with_its_block_and_whether_that_is_final() {
	let test = Test::new();
	let output_hash = Hash::repeat_byte(5);
	for (at, finalized) in [(7, true), (8, false)] {
		let agreed = agreed(answer(), output_hash, at, true);
		let expected = json!({
			"id": 7,
			"status": "agreed",
			"answer": { "classification": { "label": "fra", "scores": [{ "label": "fra", "score": 900_000 }] } },
			"refusal": null,
			"outputHash": output_hash,
			"agreedAt": at,
			"support": { "round": 0, "seats": 5, "agreed": 4, "serving": 9 },
			"audit": { "status": "none" },
			"settled": true,
			"blockHash": test.hash(at),
			"finalized": finalized,
		});
		assert_eq!(test.result(agreed), expected);
	}
}

#[test]
fn a_refusal_is_shown_by_its_name() {
	let output = Output::Refusal(Refusal::ContextExceeded);
	let refused = agreed(output, Hash::zero(), 6, false);
	let result = Test::new().result(refused);
	assert_eq!((&result["status"], &result["refusal"]), (&json!("failed"), &json!("contextExceeded")));
	assert_eq!((&result["answer"], &result["settled"]), (&Value::Null, &json!(false)));
}

#[test]
fn an_end_without_output_is_shown_by_its_verdict() {
	let test = Test::new();
	for (verdict, status) in
		[(Verdict::NoQuorum, "noQuorum"), (Verdict::Expired, "expired"), (Verdict::Cancelled, "cancelled")]
	{
		let result = test.result(ResultView::WithoutOutput { verdict, at: 5 });
		assert_eq!(result["status"], status);
		assert_eq!(result["blockHash"], json!(test.hash(5)));
		assert_eq!(result["finalized"], true);
		assert_eq!(result["agreedAt"], Value::Null);
	}
}

#[test]
fn a_result_on_a_fork_names_the_forks_block() {
	let test = Test::new();
	let ninth = test.chain.fork(test.hash(8), 9);
	let tenth = test.chain.fork(ninth, 10);
	let at = |at| {
		let view = agreed(answer(), Hash::zero(), at, true);
		test.chain.state().results.insert(ID, Lookup::Found(view));
		let result = test.call("getResult", json!([ID, tenth])).expect("there is a result");
		(result["blockHash"].clone(), result["finalized"].clone())
	};
	assert_eq!(at(10), (json!(tenth), json!(false)));
	assert_eq!(at(9), (json!(ninth), json!(false)));
	assert_eq!(at(8), (json!(test.hash(8)), json!(false)));
	assert_eq!(at(7), (json!(test.hash(7)), json!(true)));
	// A fork of a height that is finalised by now is not final.
	test.chain.state().finalised = 10;
	assert_eq!(at(9), (json!(ninth), json!(false)));
}

#[test]
fn jobs_that_are_not_there_yet_and_not_there_any_more_are_told_apart() {
	let test = Test::new();
	{
		let mut state = test.chain.state();
		state.jobs.insert(1, Lookup::Pruned);
		state.results.insert(1, Lookup::Pruned);
	}
	for method in ["getJob", "getResult"] {
		assert_eq!(test.error(method, json!([1])), (10001, "PrunedJob".into()));
		assert_eq!(test.error(method, json!([2])), (10000, "UnknownJob".into()));
	}
}

#[test]
fn an_unknown_block_and_a_failing_runtime_are_told_apart() {
	let test = Test::new();
	let nowhere = Hash::repeat_byte(0xee);
	let questions = |at: Value| {
		[
			("getJob", json!([1, at])),
			("getResult", json!([1, at])),
			("getModel", json!(["fake", at])),
			("listModels", json!([null, null, at])),
			("quote", json!([Hash::zero(), "all", 5, 0, null, at])),
			("validator", json!([address(1), at])),
		]
	};
	for (method, params) in questions(json!(nowhere)) {
		assert_eq!(test.error(method, params), (10010, "UnknownBlock".into()), "{method}");
	}
	test.chain.state().fails = true;
	for (method, params) in questions(Value::Null) {
		assert_eq!(test.error(method, params), (10011, "RuntimeFailed".into()), "{method}");
	}
}

#[test]
fn a_second_rounds_word_on_an_agreement_is_shown() {
	let test = Test::new();
	let other = Hash::repeat_byte(7);
	for (audit, shown) in [
		(AuditView::Open, json!({ "status": "open" })),
		(AuditView::Confirmed, json!({ "status": "confirmed" })),
		(AuditView::Overturned { output_hash: other }, json!({ "status": "overturned", "outputHash": other })),
		(AuditView::Undecided, json!({ "status": "undecided" })),
	] {
		let output_hash = Hash::zero();
		let view = ResultView::Agreed {
			output: answer(),
			output_hash,
			at: 6,
			support: SUPPORT,
			audit,
			settled: true,
			reused: None,
		};
		assert_eq!(test.result(view)["audit"], shown);
	}
}

#[test]
fn a_validator_is_shown_with_its_bond_and_its_record() {
	let test = Test::new();
	let record = ServiceRecord {
		drawn: 10,
		committed: 8,
		revealed: 7,
		missed: 1,
		abstained: 1,
		lost: 2,
		charged: 3,
		earned: u128::MAX,
	};
	let view =
		ValidatorView { bond: 100, reserved: 40, open_seats: 2, open_time: u64::MAX, missed_in_a_row: 1, record };
	test.chain.state().validators.insert(account(1), view);
	let expected = json!({
		"account": address(1),
		"bond": "100",
		"reserved": "40",
		"openSeats": 2,
		"openTime": "18446744073709551615",
		"missedInARow": 1,
		"record": {
			"drawn": 10,
			"committed": 8,
			"revealed": 7,
			"missed": 1,
			"abstained": 1,
			"lost": 2,
			"charged": "3",
			"earned": "340282366920938463463374607431768211455",
		},
	});
	let key = format!("0x{}", "01".repeat(32));
	let of_another_network = account(1).to_ss58check();
	for account in [address(1), key, of_another_network] {
		assert_eq!(test.call("validator", json!([account])), Ok(expected.clone()));
	}
	let nobody = test.call("validator", json!([address(2)])).expect("whoever it is");
	assert_eq!((&nobody["bond"], &nobody["record"]["drawn"]), (&json!("0"), &json!(0)));
}

#[test]
fn what_is_no_account_is_refused_without_reading_on() {
	let test = Test::new();
	let long = "a".repeat(1 << 20);
	for wrong in ["", "0x", "0x01", &format!("0x{}", "zz".repeat(32)), "Alice", &long, &format!("0x{long}")] {
		assert_eq!(test.error("validator", json!([wrong])), (10015, "InvalidParameter".into()));
	}
}
