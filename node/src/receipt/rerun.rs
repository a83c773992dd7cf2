//! A job, done again on this machine.

use super::{evidence::Evidence, Error};
use crate::{
	inference::{
		engine_params::EngineParams,
		installed_models::{load_guarded, InstalledModels},
		models::{request, Asked},
		output::canonical_bytes,
	},
	models::Location,
};
use sibyl_engine::{Engine, SEMANTICS_VERSION};
use sibyl_primitives::output::output_hash;
use std::time::Duration;

/// Runs a job's model on its input; an error where the output is not, to the last byte, the one that was agreed on.
pub fn rerun(evidence: &Evidence, engine: &EngineParams, location: &Location) -> Result<(), Error> {
	let Evidence { job, input, model, .. } = evidence;
	let name = model.name.to_string_lossy();
	let not_run = |reason: String| Error::NotRun {
		name: name.clone(),
		reason,
		install: location.command(&format!("install {name}")),
	};
	if model.semantics != SEMANTICS_VERSION {
		let reason =
			format!("it is of version {} of the arithmetic, and this release of {SEMANTICS_VERSION}", model.semantics);
		return Err(not_run(reason));
	}
	let asked = Asked {
		input: input.clone(),
		max_output_units: job.options.max_output_units,
		sampling: job.options.sampling,
		seed: job.options.sampling_seed(&job.fingerprint),
		format: job.options.format.clone(),
		claimed: None,
	};
	let request = request(model, asked).ok_or_else(|| not_run("the chain names no file of it".into()))?;
	let engine = engine.engine(Duration::MAX).map_err(Error::Threads)?;
	let source = InstalledModels::new(engine.clone(), location.folder());
	load_guarded(&source, model).map_err(|error| not_run(error.to_string()))?;
	let inference = engine.infer(&request).map_err(|error| not_run(error.to_string()))?;
	let bytes = canonical_bytes(&inference.outcome);
	let bytes = bytes.map_err(|_| not_run("the engine gave what the chain can't take".into()))?;
	let agreed = evidence.agreement.value.output_hash;
	match output_hash(&bytes) {
		here if here == agreed => Ok(()),
		here => Err(Error::Differs { here, agreed }),
	}
}
