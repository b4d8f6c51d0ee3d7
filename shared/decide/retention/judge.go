package retention

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"vodcurator/shared/decide/rule"
	"vodcurator/shared/video"
)

// facts are what the rules of one policy ask about one media.
type facts struct {
	m     video.Media
	at    Moment
	words rule.Facts
}

func newCase(m video.Media, at Moment) *facts {
	return &facts{m: m, at: at, words: rule.FactsOf(m, at.Now)}
}

// The moments that an age may be counted from.
const (
	uploaded = "upload"
	modified = "modification"
	viewed   = "view"
)

// age is the time since the upload, the last change or the last view; doubt says
// why it cannot be told.
func (c *facts) age(since string) (age time.Duration, doubt string) {
	from := c.m.Created
	switch since {
	case modified:
		from = c.m.Modified
	case viewed:
		if c.at.Viewed == nil {
			return 0, "no usage was given, so the last view is unknown"
		}
		seen, ok := c.at.Viewed(c.m.ID)
		if !ok {
			return 0, "last view unknown"
		}
		// What was uploaded after its last counted view is as young as its upload.
		if from = seen; c.m.Created.After(seen) {
			from = c.m.Created
		}
	}
	if from.IsZero() {
		return 0, since + " time unknown"
	}
	if from.After(c.at.Now) {
		return 0, since + " time lies in the future"
	}
	return c.at.Now.Sub(from), ""
}

// judge adds what one rule takes of the media, or why it does not. Of its source the
// rule gives only why it would go (empty: it stays): that is taken when the streams
// of all rules are.
func (r *removal) judge(c *facts, v *Verdict) (source string) {
	matched, err := r.when.match(c)
	if err != nil {
		v.Keeps = append(v.Keeps, Keep{ID: v.ID, Rule: r.name, Why: Doubt, Reason: "select cannot be evaluated: " + err.Error()})
		return ""
	}
	if !matched {
		return ""
	}
	age, doubt := c.age(r.since)
	switch {
	case doubt != "" && r.olderThan > 0:
		v.Keeps = append(v.Keeps, Keep{ID: v.ID, Rule: r.name, Why: Doubt, Reason: doubt})
		return ""
	case age <= r.olderThan && r.olderThan > 0:
		v.Keeps = append(v.Keeps, Keep{ID: v.ID, Rule: r.name, Why: Young, Due: c.at.Now.Add(r.olderThan - age),
			Reason: fmt.Sprintf("%s since %s, limit %s", days(age), r.since, days(r.olderThan))})
		return ""
	}
	because := fmt.Sprintf("%s since %s, limit %s", days(age), r.since, days(r.olderThan))
	if r.olderThan <= 0 {
		because = "no age limit"
	}
	if strings.HasSuffix(c.m.StorageClass, "Changing") {
		v.Keeps = append(v.Keeps, Keep{ID: v.ID, Rule: r.name, Why: Doubt, Reason: "its storage class is being changed"})
		return ""
	}
	if r.video {
		v.Items = append(v.Items, Item{ID: v.ID, Kind: Whole, Bytes: Size(c.m), Rule: r.name, Reason: because})
		return ""
	}
	if c.m.Status != video.StatusNormal {
		v.Keeps = append(v.Keeps, Keep{ID: v.ID, Rule: r.name, Why: Doubt,
			Reason: fmt.Sprintf("status %q: its parts may still change", c.m.Status)})
		return ""
	}
	if r.streams != nil {
		r.takeStreams(c, v, because)
	}
	if len(r.images) > 0 {
		r.takeImages(c, v, because)
	}
	if r.source == nil {
		return ""
	}
	return because
}

func (r *removal) takeSource(c *facts, v *Verdict, because string) {
	keep := func(why Why, format string, args ...any) {
		v.Keeps = append(v.Keeps, Keep{ID: v.ID, Kind: Source, Rule: r.name, Why: why, Reason: fmt.Sprintf(format, args...)})
	}
	src := c.m.Source
	switch {
	case src == nil:
		keep(Doubt, "the library did not tell about the source file")
		return
	case src.Gone():
		return // nothing left to take
	case src.Status != "Normal":
		keep(Doubt, "source file has status %q", src.Status)
		return
	case c.m.Streams == nil:
		keep(Doubt, untold)
		return
	case c.m.TranscodeMode == "NoTranscode" || c.m.TranscodeMode == "AsyncTranscode":
		keep(Needed, "transcode mode %s: the source file is what people play", c.m.TranscodeMode)
		return
	}
	good := 0
	for _, s := range c.m.Streams {
		// A stream that goes by any rule does not stand in for the source.
		taken := slices.ContainsFunc(v.Items, func(i Item) bool { return i.Kind == Stream && i.Part == s.Job })
		if !taken && stands(s, c.m) && s.Height >= r.source.minHeight {
			good++
		}
	}
	if good < r.source.goodStreams {
		keep(Needed, "%d good streams of at least %d lines, wanted %d", good, r.source.minHeight, r.source.goodStreams)
		return
	}
	v.Items = append(v.Items, Item{ID: v.ID, Kind: Source, Bytes: told(src.Size), Rule: r.name,
		Reason: fmt.Sprintf("%s; %d good streams stay", because, good)})
}

const untold = "the library did not tell about the streams"

// stands says that people can go on watching the whole media by this stream.
func stands(s video.Stream, m video.Media) bool {
	whole := m.Duration
	if whole == 0 && m.Source != nil {
		whole = m.Source.Duration
	}
	return plays(s) && s.Size > 0 && s.Definition != "OD" && s.Kind != "audio" == (m.Kind != video.KindAudio) &&
		// A stream that was cut short is no replacement; 2 % covers rounding.
		(whole == 0 || s.Duration >= whole-whole/50)
}

// plays says that the provider hands the stream to players by default.
func plays(s video.Stream) bool { return s.Status == "Normal" && s.Job != "" }

func (r *removal) takeImages(c *facts, v *Verdict, because string) {
	if len(c.m.Snapshots) == 0 {
		return // none are known, and a call for nothing is still a call to delete
	}
	for _, kind := range r.images {
		if c.at.Imaged != nil && c.at.Imaged(v.ID, kind) {
			continue // nothing left to take, and the library tells of covers only
		}
		if kind == "CoverSnapshot" && c.m.Cover != "" {
			v.Keeps = append(v.Keeps, Keep{ID: v.ID, Kind: Images, Part: kind, Rule: r.name, Why: Needed,
				Reason: "the video has a cover, and it may be one of these"})
			continue
		}
		v.Items = append(v.Items, Item{ID: v.ID, Kind: Images, Part: kind, Bytes: Unknown, Rule: r.name, Reason: because})
	}
}

// Size is what a media holds in bytes, Unknown when any part does not say.
// Snapshots are not counted: their size is told nowhere.
func Size(m video.Media) int64 {
	var sum int64
	switch {
	case m.Streams == nil:
		return Unknown
	case m.Source != nil && m.Source.Gone():
	case m.Source != nil && m.Source.Size > 0:
		sum = m.Source.Size
	case m.Size > 0:
		sum = m.Size
	default:
		return Unknown
	}
	for _, s := range m.Streams {
		if s.Definition == "OD" {
			continue // the source file under another name
		}
		if s.Size <= 0 {
			return Unknown
		}
		sum += s.Size
	}
	return sum
}

func told(size int64) int64 {
	if size <= 0 {
		return Unknown
	}
	return size
}

// Seen is a fingerprint of everything about a media that a decision may rest on.
// Two reads with the same fingerprint are the same to every rule, but for time.
// What our own removals change (streams, source, snapshots) is left out: the
// items say it, and each is looked for again before it goes.
func Seen(m video.Media) string {
	text, err := json.Marshal([]any{m.ID, m.Kind, m.Title, m.Description, m.Tags, m.Category, m.Cover, m.Status,
		m.Created.UTC(), m.StorageClass, m.Storage, m.App, m.UserData, m.Origin, m.TranscodeMode, m.Duration})
	if err != nil {
		return "" // strings, numbers and times always marshal; an empty print matches nothing
	}
	sum := sha256.Sum256(text)
	return hex.EncodeToString(sum[:8])
}

// days words a duration in days, as policies do.
func days(d time.Duration) string {
	if d < 24*time.Hour {
		return d.Round(time.Minute).String()
	}
	return strconv.Itoa(int(d/(24*time.Hour))) + "d"
}

func within(k keepRule, age time.Duration) string {
	return fmt.Sprintf("%s since %s, kept within %s", days(age), k.since, days(k.within))
}
