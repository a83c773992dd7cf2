use crate::{mock::*, *};
use frame_support::{assert_noop, assert_ok};
use sibyl_primitives::{
	api::QuoteError,
	format::Format,
	input::{Message, Role, MESSAGE_BYTES},
	job::Seats,
	model::{ModelLimits, ModelRevision, Pace, Task},
};

fn try_submit(input: &[u8], options: JobOptions, max_fee: Balance) -> frame_support::dispatch::DispatchResult {
	let (who, input) = (RuntimeOrigin::signed(requester()), Input::Text(input.to_vec()));
	outcome(Inference::submit(who, model().id(), input, options, max_fee))
}

/// Four seats of 1,000 and 10 for each of the five bytes of "hello", and 5 % of that.
const PRICE_OF_HELLO: Balance = 4 * 1_050 + 210;

#[test]
fn a_job_is_held_at_its_price_and_announced_with_all_that_finds_it() {
	Chain::default().run(|| {
		let id = submit(all_seats());
		assert_eq!(held(), PRICE_OF_HELLO);
		assert_eq!(free(&requester()), FUNDS - PRICE_OF_HELLO);
		let job = job(id);
		assert_eq!((job.phase, job.deadline, job.quote.total), (Phase::Pending, 2, PRICE_OF_HELLO));
		assert!(has_event(Event::JobSubmitted {
			job: id,
			requester: requester(),
			model: model().id(),
			fingerprint: job.fingerprint,
			quote: job.quote,
			ends_by: job.ends_by,
		}));
		check();
	});
}

#[test]
fn the_same_question_twice_is_two_jobs_with_two_fingerprints() {
	Chain::default().run(|| {
		let (first, second) = (submit(all_seats()), submit(all_seats()));
		assert_ne!(first, second);
		assert_ne!(job(first).fingerprint, job(second).fingerprint);
		assert_eq!(held(), 2 * PRICE_OF_HELLO);
	});
}

#[test]
fn each_bad_input_is_refused_by_its_own_error_and_changes_nothing() {
	Chain::default().run(|| {
		let with =
			|seats, max_output_units, draw_delay| JobOptions { seats, max_output_units, draw_delay, ..all_seats() };
		let cases: [(&[u8], JobOptions, Balance, Error<Test>); 13] = [
			(b"", all_seats(), Balance::MAX, Error::InputEmpty),
			(&[b'x'; 513], all_seats(), Balance::MAX, Error::InputTooLong),
			(&[0xff, 0xfe], all_seats(), Balance::MAX, Error::InputNotUtf8),
			(b"hello", fixed(0), Balance::MAX, Error::SeatsInvalid),
			(b"hello", fixed(2), Balance::MAX, Error::SeatsInvalid),
			(b"hello", fixed(17), Balance::MAX, Error::SeatsInvalid),
			(b"hello", fixed(u16::MAX), Balance::MAX, Error::SeatsInvalid),
			(b"hello", fixed(5), Balance::MAX, Error::TooFewValidators),
			(b"hello", with(Seats::All, 51, 1), Balance::MAX, Error::OutputTooLong),
			(b"hello", with(Seats::All, 0, 0), Balance::MAX, Error::DrawDelayInvalid),
			(b"hello", with(Seats::All, 0, 9), Balance::MAX, Error::DrawDelayInvalid),
			(b"hello", all_seats(), PRICE_OF_HELLO - 1, Error::FeeAboveLimit),
			(b"hello", all_seats(), 0, Error::FeeAboveLimit),
		];
		for (input, options, max_fee, error) in cases {
			assert_noop!(try_submit(input, options, max_fee), error);
		}
		assert_noop!(
			Inference::submit(
				RuntimeOrigin::signed(requester()),
				Hash::repeat_byte(9),
				"hello".into(),
				all_seats(),
				Balance::MAX
			),
			Error::<Test>::UnknownModel
		);
		assert_noop!(
			Inference::submit(
				RuntimeOrigin::signed(account(99)),
				model().id(),
				"hello".into(),
				all_seats(),
				Balance::MAX
			),
			Error::<Test>::BalanceTooLow
		);
		assert_ok!(try_submit(b"hello", all_seats(), PRICE_OF_HELLO));
	});
}

#[test]
fn a_job_for_a_model_that_nobody_serves_is_refused() {
	Chain::default().serving(0).run(|| {
		assert_noop!(try_submit(b"hello", all_seats(), Balance::MAX), Error::<Test>::TooFewValidators);
		assert_noop!(try_submit(b"hello", fixed(1), Balance::MAX), Error::<Test>::TooFewValidators);
	});
}

#[test]
fn all_is_refused_where_more_serve_than_a_committee_has_seats() {
	Chain::default().validators(33).run(|| {
		assert_noop!(try_submit(b"hello", all_seats(), Balance::MAX), Error::<Test>::TooManyValidators);
		assert_ok!(try_submit(b"hello", fixed(15), Balance::MAX));
	});
}

#[test]
fn open_jobs_are_bounded_by_account_and_in_total() {
	Chain::default().run(|| {
		for _ in 0..MAX_OPEN_PER_ACCOUNT {
			submit(all_seats());
		}
		assert_noop!(try_submit(b"hello", all_seats(), Balance::MAX), Error::<Test>::TooManyJobsOfAccount);
		let other = || {
			Inference::submit(
				RuntimeOrigin::signed(account(201)),
				model().id(),
				"hello".into(),
				all_seats(),
				Balance::MAX,
			)
		};
		for _ in MAX_OPEN_PER_ACCOUNT..MAX_OPEN {
			assert_ok!(other());
		}
		assert_noop!(other(), Error::<Test>::TooManyJobs);
		check();
	});
}

#[test]
fn a_quote_is_what_a_job_then_costs() {
	Chain::default().run(|| {
		let options = JobOptions { max_output_units: 20, ..fixed(3) };
		let quote =
			Inference::quote(model().id(), options.seats, 5, 20, Format::default()).expect("the job can be had");
		assert_ok!(try_submit(b"hello", options, quote.total));
		assert_eq!(held(), quote.total);
	});
}

/// A choice between two texts of three bytes.
fn choice() -> Format {
	let texts = ["yes", "nay"].map(|text| text.try_into().expect("it is short"));
	Format::Choice(texts.to_vec().try_into().expect("two fit"))
}

fn with_format(format: Format, max_output_units: u32) -> JobOptions {
	JobOptions { format, max_output_units, ..all_seats() }
}

/// A model that generates text, which all serve who serve the other one.
fn generating() -> ModelId {
	generating_at_most(model().limits.output_units)
}

fn generating_at_most(output_units: u32) -> ModelId {
	let limits = ModelLimits { output_units, ..model().limits };
	add_model(ModelRevision { task: Task::Generate, limits, ..model() }, PRICE)
}

fn try_ask(model: ModelId, input: &[u8], options: JobOptions) -> frame_support::dispatch::DispatchResult {
	let (who, input) = (RuntimeOrigin::signed(requester()), Input::Text(input.to_vec()));
	outcome(Inference::submit(who, model, input, options, Balance::MAX))
}

fn try_say(model: ModelId, input: Input) -> frame_support::dispatch::DispatchResult {
	let options = JobOptions { max_output_units: 1, ..all_seats() };
	outcome(Inference::submit(RuntimeOrigin::signed(requester()), model, input, options, Balance::MAX))
}

fn said(texts: &[&str]) -> Input {
	let message = |text: &&str| Message { role: Role::User, text: text.as_bytes().to_vec() };
	Input::Messages(texts.iter().map(message).collect())
}

#[test]
fn only_a_model_that_generates_reads_conversations_and_beginnings() {
	Chain::default().run(|| {
		let [other, generating] = [model().id(), generating()];
		for input in [said(&["hello"]), Input::Raw(b"hello".to_vec())] {
			assert_noop!(try_say(other, input.clone()), Error::<Test>::InputNotOfTask);
			assert_ok!(try_say(generating, input));
		}
		assert_ok!(try_say(other, "hello".into()));
	});
}

#[test]
fn a_conversation_is_paid_for_by_its_texts_and_by_the_message() {
	Chain::default().run(|| {
		let model = generating();
		let most = 512 - 3 * MESSAGE_BYTES as usize - 2;
		assert_ok!(try_say(model, said(&["a", "b", &"c".repeat(most)])));
		assert_eq!(job(0).input_units, 512);
		let quoted = Inference::quote(model, Seats::All, 512, 1, Format::default()).expect("it is valid");
		assert_eq!((job(0).quote, held()), (quoted, quoted.total));
		assert_noop!(try_say(model, said(&["a", "b", &"c".repeat(most + 1)])), Error::<Test>::InputTooLong);
	});
}

#[test]
fn a_conversation_without_a_message_or_with_an_empty_one_is_refused() {
	Chain::default().run(|| {
		let model = generating();
		for input in [said(&[]), said(&["a", ""]), said(&[""; 3_000]), Input::Raw(vec![])] {
			assert_noop!(try_say(model, input), Error::<Test>::InputEmpty);
		}
		let broken = Message { role: Role::Assistant, text: vec![0xc3] };
		assert_noop!(try_say(model, Input::Messages(vec![broken])), Error::<Test>::InputNotUtf8);
		let endless = said(&[&"a".repeat(100_000)]);
		assert_noop!(try_say(model, endless), Error::<Test>::InputTooLong);
	});
}

#[test]
fn only_a_model_that_generates_has_formats() {
	Chain::default().run(|| {
		let [other, generating] = [model().id(), generating()];
		assert_noop!(try_ask(other, b"hello", with_format(choice(), 0)), Error::<Test>::FormatNotOfTask);
		assert_ok!(try_ask(generating, b"hello", with_format(choice(), 0)));
	});
}

#[test]
fn a_format_that_breaks_its_rules_or_has_too_few_units_is_refused() {
	Chain::default().run(|| {
		let model = generating();
		let number = |min, max, decimals| Format::Number { min, max, decimals };
		let alone = Format::Choice(vec!["yes".try_into().expect("it is short")].try_into().expect("one fits"));
		let cases: [(Format, u32, Error<Test>); 6] = [
			(alone, 0, Error::FormatInvalid),
			(number(1, 0, 0), 50, Error::FormatInvalid),
			(number(0, 1, 10), 50, Error::FormatInvalid),
			(number(-100, 5, 2), 5, Error::NoOutputUnits),
			(Format::default(), 0, Error::NoOutputUnits),
			(Format::Regex("a*".try_into().expect("it is short")), 0, Error::NoOutputUnits),
		];
		for (format, units, error) in cases {
			assert_noop!(try_ask(model, b"hello", with_format(format, units)), error);
		}
		assert_ok!(try_ask(model, b"hello", with_format(number(-100, 5, 2), 6)));
		let quote = |format| Inference::quote(model, Seats::All, 5, 4, format).map(|_| ());
		assert_eq!(quote(number(-100, 5, 2)), Err(QuoteError::NoOutputUnits { least: 6 }));
		assert_eq!(quote(number(1, 0, 0)), Err(QuoteError::FormatInvalid));
	});
}

#[test]
fn the_texts_of_a_format_are_paid_for_and_count_as_input() {
	Chain::default().run(|| {
		let model = generating();
		assert_ok!(try_ask(model, b"hello", with_format(choice(), 0)));
		// Five bytes of input and six of choices.
		assert_eq!(held(), 4 * 1_110 + 222);
		assert_eq!(job(0).input_units, 11);
		assert_noop!(try_ask(model, &[b'x'; 507], with_format(choice(), 0)), Error::<Test>::InputTooLong);
		let quoted = Inference::quote(model, Seats::All, 5, 0, choice()).expect("the job can be had");
		assert_eq!(quoted, job(0).quote);
	});
}

#[test]
fn each_choice_takes_the_time_of_a_unit_of_output_and_is_bounded_as_one() {
	Chain::default().paces(&[Pace { job: 1_000, input_unit: 0, output_unit: 1_000 }; 4]).run(|| {
		let model = generating_at_most(5);
		let texts = |count: usize| {
			let text = |at: usize| format!("choice {at:0>3}").as_str().try_into().expect("it is short");
			Format::Choice((0..count).map(text).collect::<Vec<_>>().try_into().expect("they fit"))
		};
		assert_noop!(try_ask(model, b"hello", with_format(texts(6), 0)), Error::<Test>::OutputTooLong);
		assert_ok!(try_ask(model, b"hello", with_format(texts(5), 0)));
		next_block();
		next_block();
		assert!(committee(0).seats.iter().all(|seat| seat.time == 6_000), "a job of five units");
	});
}

#[test]
fn scores_are_had_of_so_many_tokens_whatever_the_model_gives() {
	Chain::default().run(|| {
		let model = generating_at_most(1_024);
		let scored = Format::ScoredText { stops: Default::default() };
		assert_noop!(try_ask(model, b"hello", with_format(scored.clone(), 513)), Error::<Test>::OutputTooLong);
		assert_ok!(try_ask(model, b"hello", with_format(scored, 512)));
		assert_ok!(try_ask(model, b"hello", with_format(Format::default(), 513)));
		let small = generating_at_most(5);
		let scored = Format::ScoredText { stops: Default::default() };
		assert_noop!(try_ask(small, b"hello", with_format(scored, 6)), Error::<Test>::OutputTooLong);
	});
}

#[test]
fn another_format_is_another_job() {
	Chain::default().run(|| {
		let one = fingerprint_of(with_format(choice(), 1));
		assert_ne!(one, fingerprint_of(with_format(Format::default(), 1)));
		assert_eq!(one, fingerprint_of(with_format(choice(), 1)));
	});
}

fn fingerprint_of(options: JobOptions) -> Hash {
	sibyl_primitives::job::fingerprint(&requester(), 0, &model().id(), &"hello".into(), &options)
}
