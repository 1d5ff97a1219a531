//! MP3, Ogg Vorbis, FLAC and M4A.

use std::io::Cursor;

use symphonia::core::codecs::audio::{AudioDecoder, AudioDecoderOptions};
use symphonia::core::errors::Error as Fault;
use symphonia::core::formats::probe::Hint;
use symphonia::core::formats::{FormatOptions, FormatReader, TrackType};
use symphonia::core::io::{MediaSourceStream, MediaSourceStreamOptions};
use symphonia::core::meta::MetadataOptions;

use super::Sound;
use crate::error::{Error, Result};

/// Longest sound, in seconds: a small file may hold days of silence.
const MOST_SECONDS: usize = 3_600;

/// How many seconds a file may have less than it says. Encoders count what they pad differently.
const MISSING: f64 = 0.08;

/// A file with the means to decode one of its tracks.
struct Open {
    format: Box<dyn FormatReader>,
    decoder: Box<dyn AudioDecoder>,
    track: u32,
    /// Samples of a channel, as the file says.
    promised: Option<u64>,
}

/// Reads a file of any of the formats.
pub(super) fn read(place: &str, bytes: Vec<u8>) -> Result<Sound> {
    let found = bytes.len();
    let invalid = |reason: String| Error::FileInvalid {
        place: place.to_owned(),
        reason,
    };
    let open = open(bytes).ok_or_else(|| {
        invalid(
            "it is not a sound of a known format; convert it to WAV, MP3, Ogg Vorbis, FLAC or M4A (AAC)"
                .to_owned(),
        )
    })?;
    let promised = open.promised;
    let (samples, rate) = decode(open).map_err(invalid)?;
    let sound = Sound::new(place, samples, rate)?;
    #[allow(clippy::cast_precision_loss)]
    let said = promised.map_or(0.0, |count| count as f64 / f64::from(rate));
    if sound.seconds() + MISSING < said {
        return Err(Error::FileTruncated {
            place: place.to_owned(),
            found,
        });
    }
    Ok(sound)
}

/// The first track with sound, if there is a decoder for it.
fn open(bytes: Vec<u8>) -> Option<Open> {
    let stream = MediaSourceStream::new(
        Box::new(Cursor::new(bytes)),
        MediaSourceStreamOptions::default(),
    );
    let format = symphonia::default::get_probe()
        .probe(
            &Hint::new(),
            stream,
            FormatOptions::default(),
            MetadataOptions::default(),
        )
        .ok()?;
    let track = format.default_track(TrackType::Audio)?;
    let settings = track.codec_params.as_ref()?.audio()?;
    let decoder = symphonia::default::get_codecs()
        .make_audio_decoder(settings, &AudioDecoderOptions::default())
        .ok()?;
    Some(Open {
        decoder,
        track: track.id,
        promised: track.num_frames,
        format,
    })
}

/// The samples of all packets, and their rate. Packets that are damaged are left out, unless none is whole.
fn decode(mut open: Open) -> std::result::Result<(Vec<f32>, u32), String> {
    let mut mono = Vec::new();
    let mut of_all = None;
    let mut fault = None;
    let mut interleaved: Vec<f32> = Vec::new();
    // an error is what a file that is cut off ends with
    while let Ok(Some(packet)) = open.format.next_packet() {
        if packet.track_id != open.track {
            continue;
        }
        let decoded = match open.decoder.decode(&packet) {
            Ok(decoded) => decoded,
            Err(error @ Fault::DecodeError(_)) => {
                fault = Some(error.to_string());
                continue;
            }
            Err(error) => return Err(format!("{error}; convert it to WAV")),
        };
        let (rate, channels) = (decoded.spec().rate(), decoded.spec().channels().count());
        if *of_all.get_or_insert(rate) != rate {
            return Err("its sample rate changes in the middle; convert it to WAV".to_owned());
        }
        decoded.copy_to_vec_interleaved(&mut interleaved);
        mono.extend(averaged(&interleaved, channels));
        if mono.len() > MOST_SECONDS * rate as usize {
            return Err("it is longer than an hour; cut it into parts".to_owned());
        }
    }
    match (of_all, fault) {
        (Some(rate), _) => Ok((mono, rate)),
        (None, Some(fault)) => Err(format!("{fault}; record or copy it again")),
        (None, None) => Err("there is no sound in it; record or copy it again".to_owned()),
    }
}

/// The mean of the channels of samples `[time, channels]`.
#[allow(clippy::cast_precision_loss)]
fn averaged(samples: &[f32], channels: usize) -> Vec<f32> {
    let frames = samples.chunks_exact(channels.max(1));
    let mean = |frame: &[f32]| frame.iter().sum::<f32>() / frame.len() as f32;
    frames.map(mean).collect()
}
