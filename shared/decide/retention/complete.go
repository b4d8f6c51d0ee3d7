package retention

import (
	"cmp"
	"fmt"
	"time"

	"vodcurator/shared/decide/rule"
	"vodcurator/shared/video"
)

// Need is what is asked of a stream that is to stand in for its asset, beyond being
// complete. The zero Need asks for nothing more.
type Need struct {
	Height    int  // lines at least; 0: any
	Encrypted bool // a stream that needs a key counts too
}

// A stream may last as much longer or shorter than the original as rounding and
// encoders make it: half a percent, and never more than this.
const slack = 2 * time.Second

// Complete says whether a stream can stand in for the whole asset: status Normal, a job
// by which it is known, no key needed unless the need says so, neither a playlist of
// others (AUTO) nor the source itself (OD), picture for a video and sound for an audio,
// a size, a duration within 2 s and half a percent of the original's, and the height
// that is needed. Where the original's duration is not known, no stream is complete. A
// preview fails by its duration. why names what is wrong, or what is missing.
func Complete(s video.Stream, m video.Media, need Need) (complete rule.Truth, why string) {
	if why = fault(s, m, need); why != "" {
		return rule.No, why
	}
	if what := untold(s, m, need); what != "" {
		return rule.Unknown, what + " unknown"
	}
	return rule.Yes, ""
}

// Facts that Complete and its like may miss, beside those of streams by their own names.
const (
	factWhole = "duration of the original"
	factKind  = "kind of the asset"
	factShape = "source.height"
	factMade  = "time of transcoding"
)

// fault says what is known to be wrong with a stream; empty: nothing.
func fault(s video.Stream, m video.Media, need Need) string {
	whole := original(m)
	kind, of := kindOfStream(s), kindOf(m)
	switch {
	case s.Status != "" && s.Status != "Normal":
		return fmt.Sprintf("status %q", s.Status)
	case s.Encrypted && !need.Encrypted:
		return "it is encrypted"
	case s.Definition == "AUTO" || s.Definition == "OD":
		return fmt.Sprintf("definition %s is no rendition of its own", s.Definition)
	case differ(kind, string(of)):
		return fmt.Sprintf("it is %s, the asset is %s", kind, of)
	case s.Duration > 0 && whole > 0 && !sameLength(s.Duration, whole):
		return fmt.Sprintf("it lasts %s, the original %s", s.Duration, whole)
	case need.Height > 0 && kind == string(video.KindAudio):
		return "sound has no lines"
	case s.Height > 0 && s.Height < need.Height:
		return fmt.Sprintf("it has %d lines, needed are %d", s.Height, need.Height)
	}
	return ""
}

// differ says that two words are known, and not the same.
func differ(a, b string) bool { return a != "" && b != "" && a != b }

// sameLength says that a rendition lasts as long as the whole, but for what encoders add.
func sameLength(d, whole time.Duration) bool { return (d - whole).Abs() <= min(slack, whole/200) }

// untold names the first fact without which a stream is not known to be complete.
func untold(s video.Stream, m video.Media, need Need) string {
	switch {
	case s.Job == "":
		return "job"
	case s.Status == "":
		return "status"
	case s.Definition == "":
		return "definition"
	case kindOf(m) == "":
		return factKind
	case kindOfStream(s) == "":
		return "kind"
	case original(m) <= 0:
		return factWhole
	case s.Duration <= 0:
		return "duration"
	case s.Size <= 0:
		return "size"
	case need.Height > 0 && s.Height <= 0:
		return "height"
	}
	return ""
}

// original is the duration of the whole; 0: not known, or told in two ways that
// contradict each other.
func original(m video.Media) time.Duration {
	whole := max(m.Duration, 0)
	if m.Source == nil || m.Source.Duration <= 0 {
		return whole
	}
	if whole > 0 && !sameLength(m.Source.Duration, whole) {
		return 0
	}
	return cmp.Or(whole, m.Source.Duration)
}

// kindOf is video or audio, by what the library says or else by the source file.
func kindOf(m video.Media) video.Kind {
	switch src := m.Source; {
	case m.Kind != "" || src == nil:
		return m.Kind
	case src.Width > 0 || src.VideoCodec != "":
		return video.KindVideo
	case src.AudioCodec != "":
		return video.KindAudio
	}
	return ""
}

func kindOfStream(s video.Stream) string {
	if s.Kind == "" && s.Height > 0 {
		return string(video.KindVideo)
	}
	return s.Kind
}

// Playable says whether people can play the asset: its status is Normal and it has at
// least one complete stream (encrypted ones count, they play with their key), or its
// source file is what people play. That it is where the transcode mode says so, where it
// is listed as a stream (OD), and where there is no stream at all. An asset that does not
// play now and may later (it is transcoded, checked or blocked) is unknown.
func Playable(m video.Media) (playable rule.Truth, why string) {
	switch m.Status {
	case video.StatusNormal:
	case video.StatusUploading, video.StatusUploadFailed, video.StatusTranscodeFail, video.StatusProduceFail:
		return rule.No, fmt.Sprintf("status %q", m.Status)
	case "":
		return rule.Unknown, "status unknown"
	default:
		return rule.Unknown, fmt.Sprintf("status %q: it may play later", m.Status)
	}
	source := m.Streams != nil && len(m.Streams) == 0 || playsSource(m.TranscodeMode)
	playable, why = rule.No, "no complete stream"
	if m.Streams == nil {
		playable, why = rule.Unknown, "the library did not tell about the streams"
	}
	for _, s := range m.Streams {
		t, reason := Complete(s, m, Need{Encrypted: true})
		if s.Definition == "" && t == rule.No {
			t, reason = rule.Unknown, "definition unknown" // it may be the source (OD)
		}
		if source = source || s.Definition == "OD"; t > playable {
			playable, why = t, "stream "+s.Job+": "+reason
		}
	}
	if source {
		if t, reason := sourcePlays(m); t > playable {
			playable, why = t, reason
		}
	}
	if playable == rule.Yes {
		return playable, ""
	}
	return playable, why
}

func playsSource(mode string) bool { return mode == "NoTranscode" || mode == "AsyncTranscode" }

func sourcePlays(m video.Media) (rule.Truth, string) {
	src := m.Source
	switch {
	case src == nil:
		return rule.Unknown, "the library did not tell about the source file"
	case src.Status != "" && src.Status != "Normal":
		return rule.No, fmt.Sprintf("source file has status %q", src.Status)
	case src.Status == "":
		return rule.Unknown, "status of the source file unknown"
	case src.Size <= 0 && m.Size <= 0:
		return rule.Unknown, "size of the source file unknown"
	case original(m) <= 0:
		return rule.Unknown, "duration of the original unknown"
	}
	return rule.Yes, ""
}

// fills says whether a stream has as many lines and columns as the source file, however
// either is turned. Encoders want even numbers, so an odd line less is none less.
func fills(s video.Stream, src video.Source) (rule.Truth, string) {
	short, long := min(src.Width, src.Height)&^1, max(src.Width, src.Height)&^1
	switch {
	case min(src.Width, src.Height) <= 0:
		return rule.Unknown, factShape
	case s.Width <= 0:
		return rule.Unknown, "width"
	case s.Height <= 0:
		return rule.Unknown, "height"
	case min(s.Width, s.Height) < short || max(s.Width, s.Height) < long:
		return rule.No, ""
	}
	return rule.Yes, ""
}

// A time before this one is what libraries say for none.
var firstTime = time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC)

// isTold says that a time is known: not zero, not before 2000, not after now.
func isTold(t, now time.Time) bool { return !t.Before(firstTime) && !t.After(now) }
