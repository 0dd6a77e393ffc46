/** What espeak-ng says for the benchmark of the score: one half to choose constants on, the other only to check them. */

export interface Script {
  /** Of a second or so. */
  readonly short: readonly string[]
  /** Of two or three seconds. */
  readonly long: readonly string[]
  /** Said as a statement and as a question. */
  readonly either: readonly string[]
  readonly voices: readonly string[]
}

export const CHOSEN_ON: Script = {
  short: [
    ...['Good morning everyone.', 'Thank you very much.', 'See you tomorrow.', 'How are you today?'],
    ...['Nice to meet you.', 'Where is the station?', 'I am very hungry.', 'Please close the window.'],
    ...['What time is it?', 'He lives in London.', 'Can you help me?', 'It is raining again.'],
    ...['My name is Peter.', 'She likes chocolate.', 'We went to the beach.', 'Do you speak English?'],
    ...['The food was great.', 'Turn left at the bank.', 'I lost my umbrella.', 'Have a good weekend.'],
    ...['Call me this evening.', 'They are not at home.', 'Is this seat taken?', 'Let us go shopping.'],
  ],
  long: [
    'My sister wanted to open a little bakery by the river.',
    'Nobody believed a single word of the story about the lighthouse.',
    'The train to London leaves at ten, so we have to hurry.',
    'Can you tell me how many people are going to be there tonight?',
    'I thought that you were on holiday until the end of next week!',
    'If the weather stays like this, we will have dinner in the garden.',
    'He forgot his keys, his wallet and his telephone on the kitchen table.',
    'There is nothing better than a cup of coffee early in the morning.',
  ],
  either: [
    ...['You live in the city', 'The shop is already closed', 'He has never been to Spain'],
    ...['They are coming for dinner', 'This is the last train', 'She speaks four languages'],
    ...['The museum opens at nine', 'You left the window open'],
  ],
  voices: ['en', 'en+f3', 'en-us+m3'],
}

export const HELD_OUT: Script = {
  short: [
    ...['I would like some water.', 'The bus is late again.', 'Where do you come from?', 'My brother is a teacher.'],
    ...['Could you say that again?', 'We need a bigger table.', 'Open your books, please.', 'It was a long journey.'],
    ...['He plays the piano.', 'What is your address?', 'I forgot my password.', 'The cat is on the roof.'],
    ...['Have you seen my glasses?', 'She works in a hospital.', 'Take the second street.', 'That is very kind.'],
    ...['Who is at the door?', 'Dinner will be ready soon.', 'I prefer the blue one.', 'Do not touch the oven.'],
    ...['They moved to Berlin.', 'Are you feeling better?', 'Summer is almost over.', 'Give me your hand.'],
  ],
  long: [
    'The children were playing football behind the old factory.',
    'When I was young, we used to spend every summer at the lake.',
    'Could somebody please explain what happened to the second parcel?',
    'She bought apples, bread and a bottle of milk at the corner shop.',
    'It takes about forty minutes to walk from here to the harbour.',
    'Although he was tired, he finished the whole book in one night.',
    'Do you know whether the library is open on Sunday afternoon?',
    'Our neighbour has been learning Portuguese for more than six years.',
  ],
  either: [
    ...['The meeting was cancelled', 'Your parents know about it', 'It rains a lot in winter'],
    ...['He sold his old bicycle', 'The soup is too salty', 'They have two daughters'],
    ...['We can park over there', 'The lift is broken'],
  ],
  voices: ['en-gb-x-rp+m2', 'en-us+f4', 'en+m5'],
}
