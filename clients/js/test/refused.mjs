import { SibylError } from '../dist/index.js';

/** Whether an error has this code and says this, in a line. */
export const refusedAs = (code, part = '') => (error) => {
  if (!(error instanceof SibylError) || error.code !== code || !error.message.includes(part) || /[\n\r]/.test(error.message)) throw error;
  return true;
};
