//! Jobs of models that users have registered.

use crate::{mock::*, *};
use frame_support::{assert_noop, assert_ok};
use sibyl_primitives::{
	api::QuoteError,
	input::Input,
	job::Seats,
	model::{Availability, ModelRevision, ModelState, Pace},
	price::ModelPrice,
};
use sp_runtime::{Perbill, Percent};

/// What a seat gets for "hello".
const SEAT: Balance = 1_000 + 5 * 10;

const WITH_A_SHARE: ModelPrice = ModelPrice { author_share: Percent::from_percent(20), ..PRICE };

fn registered() -> ModelId {
	add_model(ModelRevision { semantics: 2, ..model() }, WITH_A_SHARE)
}

fn ask(model: ModelId) -> JobId {
	let id = NextJob::<Test>::get();
	let asked = Inference::submit(RuntimeOrigin::signed(requester()), model, "hello".into(), all_seats(), Balance::MAX);
	assert_ok!(asked);
	id
}

/// Has the job answered by all four validators, of whom so many give another answer.
fn answer_it(id: JobId, others: u8) {
	let (output, other) = (answer("eng"), answer("fra"));
	next_block();
	next_block();
	commit_by(others..4, id, &output);
	commit_by(0..others, id, &other);
	next_block();
	reveal_by(others..4, id, &output);
	reveal_by(0..others, id, &other);
	next_block();
}

fn retire(model: ModelId) {
	assert_ok!(Models::retire(RuntimeOrigin::signed(author()), model));
}

#[test]
fn an_author_gets_its_share_of_what_seats_are_paid_and_the_requester_the_rest() {
	Chain::default().run(|| {
		let id = ask(registered());
		let before = Wealth::now();
		let quote = job(id).quote;
		assert_eq!((quote.per_seat, quote.author_share), (SEAT, 4 * SEAT / 5));
		answer_it(id, 0);
		let settled = job(id).outcome.expect("it has ended").settlement;
		assert_eq!((settled.paid, settled.author_share, settled.refunded), (4 * SEAT, 4 * SEAT / 5, 0));
		assert_eq!(before.gain(&author()), (4 * SEAT / 5) as i128);
		assert_eq!(before.gain(&requester()), -(quote.total as i128));
	});
}

#[test]
fn an_author_gets_no_share_of_what_is_not_paid() {
	Chain::default().run(|| {
		let id = ask(registered());
		answer_it(id, 1);
		let settled = job(id).outcome.expect("it has ended").settlement;
		assert_eq!((settled.paid, settled.author_share), (3 * SEAT, 3 * SEAT / 5));
		let before = Wealth::now();
		let expired = ask(registered());
		let ends_by = job(expired).ends_by;
		advance_to(ends_by + 1);
		assert_eq!((verdict(expired), before.gain(&author())), (Some(Verdict::Expired), 0));
	});
}

#[test]
fn a_model_takes_jobs_while_validators_with_enough_of_the_stake_serve_it() {
	Chain::default().stakes(&[(0, 1_000), (1, 1_000), (2, 1_000), (3, 3_000)]).run(|| {
		set_active_stake(Perbill::from_rational(1u32, 2u32));
		let model = registered();
		assert_ok!(Inference::quote(model, Seats::All, 5, 0, Default::default()));
		include([Votes::of(3).attest_of(model, Availability::Withdrawn).sign()]);
		next_block();
		let half = Perbill::from_percent(50);
		assert_ok!(Inference::quote(model, Seats::All, 5, 0, Default::default()));
		include([Votes::of(0).attest_of(model, Availability::Withdrawn).sign()]);
		next_block();
		let share = Perbill::from_rational(2u32, 6u32);
		let inactive = QuoteError::Inactive { share, needed: half };
		assert_eq!(Inference::quote(model, Seats::All, 5, 0, Default::default()), Err(inactive));
		let asked = Inference::submit(
			RuntimeOrigin::signed(requester()),
			model,
			Input::from("hello"),
			all_seats(),
			Balance::MAX,
		);
		assert_noop!(asked, Error::<Test>::ModelInactive);
		let view = Inference::model_view(model).expect("it is known");
		assert_eq!((view.is_active, view.stake_share, view.served_by.len()), (false, share, 2));
	});
}

#[test]
fn a_retired_model_takes_no_jobs_and_its_open_ones_end_as_ever() {
	Chain::default().run(|| {
		let model = registered();
		let id = ask(model);
		retire(model);
		let asked = Inference::submit(RuntimeOrigin::signed(requester()), model, "hello".into(), all_seats(), 1 << 60);
		assert_noop!(asked, Error::<Test>::ModelRetired);
		answer_it(id, 0);
		assert_eq!(verdict(id), Some(Verdict::Agreed));
		assert_eq!(job(id).outcome.map(|outcome| outcome.settlement.author_share), Some(4 * SEAT / 5));
	});
}

#[test]
fn a_retired_model_is_forgotten_with_its_last_job_and_its_roster_too() {
	Chain::default().run(|| {
		let model = registered();
		let before = Wealth::now();
		let jobs = [ask(model), ask(model)];
		retire(model);
		while Jobs::<Test>::contains_key(jobs[1]) {
			let state = pallet_models::Pallet::<Test>::registration(&model).map(|known| known.state);
			assert_eq!(state, Some(ModelState::Retired));
			next_block();
		}
		assert_eq!(pallet_models::Pallet::<Test>::registration(&model), None);
		assert!(!Rosters::<Test>::contains_key(model));
		assert_eq!(before.gain(&author()), 0);
	});
}

#[test]
fn what_is_said_of_a_retired_model_is_no_news_unless_it_is_withdrawn() {
	Chain::default().run(|| {
		let model = registered();
		ask(model);
		advance_to(3);
		retire(model);
		let faster = Availability::Serves(Pace { job: 500, ..PACE });
		for (says, serving) in [(faster, PACE.job), (Availability::Withdrawn, 0)] {
			include([Votes::of(0).attest_of(model, says).sign()]);
			next_block();
			let pace = Inference::serving(&model).into_iter().find(|server| server.validator == account(0));
			assert_eq!(pace.map_or(0, |server| server.pace.job), serving);
		}
	});
}

#[test]
fn models_are_listed_page_by_page_each_once() {
	Chain::default().run(|| {
		for semantics in 2..80 {
			add_model(ModelRevision { semantics, ..model() }, PRICE);
		}
		let (mut listed, mut after) = (Vec::new(), None);
		loop {
			let page = Inference::models_view(after, u32::MAX);
			assert!(page.len() <= sibyl_primitives::api::MAX_LISTED_MODELS as usize);
			let Some(last) = page.last() else { break };
			after = Some(last.id);
			listed.extend(page.into_iter().map(|view| view.id));
		}
		let mut known: Vec<_> = pallet_models::Models::<Test>::iter_keys().collect();
		assert_eq!(listed.len(), 79);
		listed.sort();
		known.sort();
		assert_eq!(listed, known);
	});
}

#[test]
fn a_validator_that_serves_more_models_than_a_ballot_names_says_the_rest_later() {
	Chain::default().run(|| {
		let models: Vec<_> =
			(2..40).map(|semantics| add_model(ModelRevision { semantics, ..model() }, PRICE)).collect();
		for model in &models {
			Rosters::<Test>::remove(model);
		}
		for (block, said) in (5..).zip(models.chunks(16)) {
			advance_to(block);
			let votes =
				said.iter().fold(Votes::of(0), |votes, model| votes.attest_of(*model, Availability::Serves(PACE)));
			include([votes.sign()]);
		}
		next_block();
		assert!(models.iter().all(|model| Inference::serving(model).len() == 1));
	});
}

#[test]
fn a_model_is_found_by_its_name_and_active_until_it_is_suspended() {
	Chain::default().run(|| {
		let revision = model();
		assert_eq!(Inference::model_named(&revision.name), Some(revision.id()));
		let unknown = sibyl_primitives::model::ModelName::try_from("another").expect("it is short");
		assert_eq!(Inference::model_named(&unknown), None);
		let is_active = || Inference::model_view(revision.id()).is_some_and(|view| view.is_active);
		assert!(is_active());
		pallet_models::Pallet::<Test>::do_suspend(&revision.id());
		assert!(!is_active());
	});
}
