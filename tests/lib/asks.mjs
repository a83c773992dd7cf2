/** What a program asks for: an answer that it can use. */
export const ASKS = {
  choice: {
    text: 'Is this review positive or negative? “The food was cold, and nobody came to take our order.”',
    format: { choice: process.env.CHOICES?.split(',') ?? ['positive', 'negative'] },
  },
  number: {
    text: 'How many legs does a spider have? Answer by a number alone.',
    format: { number: { min: 0, max: 100, decimals: 0 } },
  },
  json: {
    text: 'Name the capital of France and its country as JSON.',
    format: {
      json: JSON.stringify({
        type: 'object',
        properties: { city: { type: 'string', maxLength: 20 }, country: { type: 'string', maxLength: 20 } },
        required: ['city', 'country'],
      }),
    },
  },
};
