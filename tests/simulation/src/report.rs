//! What runs came to, in figures.

/// What a run came to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Report {
	/// Blocks of the chain that the honest validators end with.
	pub blocks: u64,
	/// Blocks that are on no such chain.
	pub forked: u64,
	/// Blocks that were made and are not valid.
	pub invalid: u64,
	/// The deepest reorg of a node.
	pub deepest_reorg: u64,
	/// Jobs that were submitted.
	pub jobs: u64,
	/// Jobs that agreed on an answer or on the model's refusal.
	pub agreed: u64,
	/// Jobs of which too few seats took part.
	pub expired: u64,
	/// Jobs that took an answer which the chain had agreed on before.
	pub reused: u64,
	/// Jobs for which substitutes were called.
	pub substituted: u64,
	/// Of these, jobs in calm networks with one byzantine validator, which had a seat and is to deny no answer.
	pub denied_once: u64,
	/// Of the expired ones, jobs that got no committee since validators had no time or bond for them.
	pub undrawn: u64,
	/// Jobs without a quorum after two rounds.
	pub no_quorum: u64,
	/// Jobs that root, or a suspended model, ended.
	pub cancelled: u64,
	/// Second rounds of jobs that did not agree.
	pub second_rounds: u64,
	/// Audits that came to an end.
	pub audits: u64,
	/// Audits that contradicted the answer.
	pub overturned: u64,
	/// Equivocations reported.
	pub equivocations: u64,
	/// Validators reported for what a second round contradicts.
	pub contradicted: u64,
	/// Agreements on a wrong output, by committees in which the byzantine ones had a quorum.
	pub captures: u64,
	/// Honest seats charged, where the network was not good enough for them or byzantine ones had a quorum.
	pub honest_charged: u64,
	/// Honest seats that were too slow for those that had committed before.
	pub honest_slow: u64,
	/// Honest validators found unresponsive, where the network was not good enough or they were slow.
	pub honest_unresponsive: u64,
	/// The longest life of a job, in blocks, where the network was good and all were honest.
	pub longest_life: u64,
}

impl Report {
	/// Adds another run's figures.
	pub fn add(&mut self, other: &Self) {
		for (sum, value) in self.figures_mut().into_iter().zip(other.clone().figures_mut()) {
			*sum.1 += *value.1;
		}
		self.deepest_reorg = self.deepest_reorg.max(other.deepest_reorg);
	}

	fn figures_mut(&mut self) -> Vec<(&'static str, &mut u64)> {
		vec![
			("blocks", &mut self.blocks),
			("forked", &mut self.forked),
			("invalid", &mut self.invalid),
			("jobs", &mut self.jobs),
			("agreed", &mut self.agreed),
			("expired", &mut self.expired),
			("reused", &mut self.reused),
			("substituted", &mut self.substituted),
			("deniedOnce", &mut self.denied_once),
			("undrawn", &mut self.undrawn),
			("noQuorum", &mut self.no_quorum),
			("cancelled", &mut self.cancelled),
			("secondRounds", &mut self.second_rounds),
			("audits", &mut self.audits),
			("overturned", &mut self.overturned),
			("equivocations", &mut self.equivocations),
			("contradicted", &mut self.contradicted),
			("captures", &mut self.captures),
			("honestCharged", &mut self.honest_charged),
			("honestSlow", &mut self.honest_slow),
			("honestUnresponsive", &mut self.honest_unresponsive),
		]
	}

	/// The figures as JSON's members.
	pub fn members(&self) -> String {
		let mut figures = self.clone();
		let figures = figures.figures_mut();
		let members: Vec<_> = figures.into_iter().map(|(name, value)| format!("\"{name}\": {value}")).collect();
		members.join(", ")
	}
}
