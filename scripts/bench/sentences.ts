/** What the synthetic speakers say. */

export interface Sentence {
  readonly voice: string
  readonly text: string
  /** As a careful speaker would say it; where it is known. */
  readonly syllables?: number
}

const ENGLISH: readonly (readonly [text: string, syllables: number])[] = [
  ['Where did you put the keys of the car?', 9],
  ['My sister wanted to open a little bakery by the river.', 18],
  ['Nobody believed a single word of it.', 11],
  ['The train to London leaves at ten, so we have to hurry.', 14],
  ['Can you tell me how many people are going to be there tonight?', 17],
  ['Really? I thought that you were on holiday!', 11],
]
const OTHERS: Readonly<Record<string, readonly string[]>> = {
  'fr-fr+f5': [
    "Où est la gare, s'il vous plaît?",
    'Mon frère habite à Lyon depuis trois ans.',
    "Est-ce qu'il va pleuvoir demain matin?",
    'Nous avons mangé au restaurant avec toute la famille.',
  ],
  'cmn+m1': ['你叫什么名字？', '今天天气非常好。', '我想买一张去上海的火车票。'],
}

export const SENTENCES: readonly Sentence[] = [
  ...['en-us+m3', 'en-us+f2'].flatMap((voice) => ENGLISH.map(([text, syllables]) => ({ voice, text, syllables }))),
  ...Object.entries(OTHERS).flatMap(([voice, texts]) => texts.map((text) => ({ voice, text }))),
]
