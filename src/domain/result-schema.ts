/**
 * A result's parts as schemas, with their units. docs/results.md is made from them, and what a form of a result needs is
 * put together from them: a third party's result may lack what a form can do without, and have more than is here.
 */
import { type TSchema, Type } from 'typebox'

/** Longer than any recording that is taken. */
const MAX_DURATION_S = 1e6

const nullable = <T extends TSchema>(schema: T) => Type.Union([schema, Type.Null()])
const maybe = <T extends TSchema>(schema: T) => Type.Optional(nullable(schema))
const number = (description: string) => Type.Number({ description })
const seconds = (description: string) => Type.Number({ minimum: -MAX_DURATION_S, maximum: MAX_DURATION_S, description })
const step = Type.Number({ exclusiveMinimum: 0, maximum: MAX_DURATION_S, description: 'Seconds from frame to frame' })
const text = (description: string) => Type.String({ description })

export const durationSchema = Type.Number({
  exclusiveMinimum: 0,
  maximum: MAX_DURATION_S,
  description: 'Length of the recording in seconds',
})

export const pitchSchema = Type.Object(
  {
    start_s: seconds('Middle of the first frame, in seconds; frame i is at `start_s + i · step_s`'),
    step_s: step,
    f0_hz: Type.Array(nullable(Type.Number({ minimum: 0, maximum: 1e5 })), {
      description: 'F0 of each frame in Hz; null where unvoiced',
    }),
    mode: Type.Optional(text('`robust` or `praat`: how F0 was tracked')),
    floor_hz: Type.Optional(number('Lowest F0 looked for, in Hz')),
    ceiling_hz: Type.Optional(number('Highest F0 looked for, in Hz')),
    median_hz: maybe(number('Median of the voiced frames, in Hz; null without voice')),
    range_semitones: maybe(
      number('From the 5th to the 95th percentile, in semitones; null with under 20 voiced frames'),
    ),
    voiced_ratio: maybe(number('Share of frames that are voiced, 0–1')),
  },
  { description: 'The melody' },
)

export const intensitySchema = Type.Object(
  {
    start_s: seconds('Middle of the first frame, in seconds'),
    step_s: step,
    values_db: Type.Array(Type.Number(), {
      minItems: 1,
      description: 'Intensity of each frame, in dB re 2e-5, where full scale is 1',
    }),
  },
  { description: 'Loudness over time, as Praat measures it; null for less than one window' },
)

export const waveformSchema = Type.Object(
  {
    step_s: Type.Number({ exclusiveMinimum: 0, description: 'Length of one stretch in seconds' }),
    peaks: Type.Array(Type.Number({ minimum: 0, maximum: 1 }), {
      minItems: 1,
      description: 'Highest absolute sample of each stretch, 0–1 of full scale, to two digits; at most 900',
    }),
  },
  { description: 'Outline of the sound, from 0 to the end; for drawing' },
)

export const timingSchema = Type.Object(
  {
    speech_s: maybe(number('Seconds that are not silent')),
    pauses: Type.Optional(
      Type.Array(Type.Object({ start_s: seconds('In seconds'), end_s: seconds('In seconds') }), {
        description: 'Silences of 0.1 s or more between two sounding stretches',
      }),
    ),
    syllables: maybe(number('Number of syllable nuclei')),
    syllables_per_s: maybe(number('Syllables per second of the recording')),
    articulation_rate: maybe(number('Syllables per second that is not silent')),
  },
  { description: 'Speech and silence' },
)

const componentsSchema = Type.Object(
  {
    pitch_rmse_semitones: maybe(number('Distance of the aligned melodies, in semitones')),
    pitch_correlation: maybe(number('Their correlation, −1 to 1')),
    range_ratio: maybe(number('Pitch range, learner divided by reference')),
    timing_ratio: maybe(number('Duration from first voice to last, learner divided by reference')),
    npvi_difference: maybe(number('Rhythm (nPVI), learner minus reference')),
    voicing_agreement: maybe(number('Share of aligned frames voiced on both sides or on neither, 0–1')),
    time_warping: maybe(number('How unevenly time runs against the reference; 0 is even')),
  },
  { description: 'What the score is made of: [scoring](scoring.md)' },
)

const intervalSchema = Type.Object({
  tier: text('Name of the tier'),
  label: text('What is said there'),
  reference_start_s: Type.Optional(seconds('Where it begins in the reference, in seconds')),
  reference_end_s: Type.Optional(seconds('Where it ends in the reference, in seconds')),
  start_s: seconds('Where it begins in the recording, in seconds'),
  end_s: seconds('Where it ends in the recording, in seconds'),
  score: maybe(number('0–100; null with too little voice')),
  pitch_rmse_semitones: maybe(number('Distance of the melodies there, in semitones')),
  direction: maybe(text('`higher`, `lower`, `flatter`, `wider` or `match`: what the learner does')),
  duration_ratio: maybe(number('Learner divided by reference')),
})

const pointSchema = Type.Object({
  tier: text('Name of the tier'),
  label: text('What is marked there'),
  reference_s: Type.Optional(seconds('Where it is in the reference, in seconds')),
  time_s: seconds('Where it is in the recording, in seconds'),
})

export const comparisonSchema = Type.Object(
  {
    token_id: maybe(text('What was imitated')),
    score: maybe(Type.Number({ minimum: 0, maximum: 100, description: '0–100; null where `reason` says why' })),
    reason: maybe(text('Why there is no score')),
    components: maybe(componentsSchema),
    alignment: Type.Optional(
      Type.Array(Type.Tuple([Type.Number(), Type.Number()]), {
        description: 'Moments `[reference_s, recording_s]`, straight lines between them',
      }),
    ),
    intervals: Type.Optional(Type.Array(intervalSchema, { description: 'Each labelled interval of the TextGrid' })),
    points: Type.Optional(Type.Array(pointSchema, { description: 'Each labelled point of the TextGrid' })),
    reference_pitch: maybe(
      Type.Object(
        {
          start_s: seconds('Middle of the first frame, in seconds of the reference'),
          step_s: step,
          f0_hz: Type.Array(nullable(Type.Number({ minimum: 0, maximum: 1e5 })), {
            description: 'F0 of each frame in Hz; null where unvoiced',
          }),
        },
        { description: 'The melody that was imitated, first voice to last; null without a score' },
      ),
    ),
  },
  { description: 'Against the reference; null when nothing was asked for' },
)

/** A whole result (version 1), as our own analyser makes one. */
export const resultSchema = Type.Object({
  version: Type.Literal(1, { description: '1' }),
  analysis_version: text('Changes whenever a figure can change'),
  job_id: nullable(text('The job; null on the command line')),
  token_id: nullable(text('What was imitated')),
  duration_s: durationSchema,
  codec: text('Coding of the recording, by ffmpeg’s names'),
  sample_rate_hz: number('Of the recording, in Hz'),
  channels: number('Of the recording'),
  quality: Type.Object(
    {
      clipping_ratio: number('Share of samples at full scale, 0–1'),
      silence_ratio: nullable(number('Share of the time that is silent, 0–1')),
      snr_db: nullable(number('Voice over background noise, in dB, at most 100')),
      flags: Type.Array(Type.String(), { description: 'Faults of the recording' }),
      advice: Type.Array(Type.String(), { description: 'A sentence for the learner for each flag' }),
    },
    { description: 'How good the recording is' },
  ),
  loudness: Type.Object(
    {
      integrated_lufs: nullable(number('ITU-R BS.1770-4, in LUFS; null under 0.4 s and in silence')),
      true_peak_dbtp: nullable(number('Of the source, in dBTP; null in silence')),
    },
    { description: 'Loudness of the whole' },
  ),
  pitch: pitchSchema,
  intensity: nullable(intensitySchema),
  waveform: nullable(waveformSchema),
  timing: timingSchema,
  comparison: nullable(comparisonSchema),
})
