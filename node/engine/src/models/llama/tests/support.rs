//! The table of what loads, in the crate's README.

use super::{load, wide, Kernels, Pool, Workspace};
use crate::gguf::GgufDtype;
use crate::models::llama::config::Family;

const README: &str = include_str!("../../../../README.md");

/// A row per format, a column per architecture: whether a made-up file loads, and computes.
fn table() -> String {
	let families = Family::ALL.map(Family::name);
	let mut table = format!("| | {} | bert |\n|---|{}---|\n", families.join(" | "), "---|".repeat(families.len()));
	let pool = Pool::new(1).unwrap();
	for dtype in GgufDtype::ALL {
		let answer = |computed: bool| if computed { "yes" } else { "no" };
		let cells = families.map(|family| {
			let computed = load(&wide(family, dtype).file()).is_ok_and(|model| {
				model.forward(&mut Workspace::new(Kernels::best(), &pool), &[1, 2, 3], &mut model.cache()).is_ok()
			});
			answer(computed)
		});
		let embeds = answer(crate::models::bert::tests::gguf::computes(dtype));
		table.push_str(&format!("| {dtype} | {} | {embeds} |\n", cells.join(" | ")));
	}
	table
}

#[test]
fn the_readme_should_say_which_formats_of_which_architectures_load() {
	let table = table();
	assert!(README.contains(&table), "node/engine/README.md should have this table:\n{table}");
}
