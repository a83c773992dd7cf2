mod answers;
mod creation;
mod invariants;
mod random;
mod rounds;
