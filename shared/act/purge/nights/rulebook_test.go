package nights_test

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"time"

	"vodcurator/shared/video"
)

const day = 24 * time.Hour

// part names one thing that can leave the library. The kinds are the words of a
// policy's tests: video, source, stream, images.
type part struct {
	id   video.ID
	kind string
	name string // a stream's job, a type of images
}

func (p part) String() string {
	return strings.TrimSuffix(fmt.Sprintf("%s %s %s", p.id, p.kind, p.name), " ")
}

// verdict is what the oracle says of one part, and why it must stay.
type verdict struct {
	may tri
	why string
}

func stays(why string, args ...any) verdict { return verdict{no, fmt.Sprintf(why, args...)} }

// rule is one rule of a policy as the oracle reads it.
type rule struct {
	name   string
	text   string // of the select, in the language of policies
	picks  func(m video.Media) tri
	older  int // days
	takes  string
	height int // min_height of a source rule
	young  int // days that a superseded stream must have
}

// rulebook is a policy: the text that the jobs get, and what the oracle reads in it.
type rulebook struct {
	rules      []rule
	words      []string // hold tags
	categories []int64
	list       bool
	newest     int // per category; 0: none
	grace      int // days
	self       bool
	expires    int // days
	count      int // guards
	percent    float64
	refresh    bool
}

const (
	until   = "hold-until"
	listKey = "holds.txt"
)

func (b rulebook) text() string {
	var t strings.Builder
	approve := map[bool]string{true: "within-guards", false: "person"}[b.self]
	fmt.Fprintf(&t, "approve: %s\nexpires: %dd\n", approve, b.expires)
	if b.grace > 0 {
		fmt.Fprintf(&t, "grace: %dd\n", b.grace)
	}
	if b.refresh {
		t.WriteString("refresh_cdn: true\n")
	}
	fmt.Fprintf(&t, "holds:\n  tags: [%s]\n  until: %s\n", strings.Join(b.words, ", "), until)
	if len(b.categories) > 0 {
		fmt.Fprintf(&t, "  categories: %s\n", strings.Join(strings.Fields(fmt.Sprint(b.categories)), ", "))
	}
	if b.list {
		fmt.Fprintf(&t, "  list: %s\n", listKey)
	}
	if b.newest > 0 {
		fmt.Fprintf(&t, "keep:\n  - {name: newest, newest: %d, per: category}\n", b.newest)
	}
	t.WriteString("rules:\n")
	for _, r := range b.rules {
		fmt.Fprintf(&t, "  - name: %s\n", r.name)
		if r.text != "" {
			fmt.Fprintf(&t, "    select: '%s'\n", r.text)
		}
		fmt.Fprintf(&t, "    older_than: %dd\n    remove:\n", r.older)
		switch r.takes {
		case "video":
			t.WriteString("      video: true\n")
		case "source":
			t.WriteString("      source: {good_streams: 1")
			if r.height > 0 {
				fmt.Fprintf(&t, ", min_height: %d", r.height)
			}
			t.WriteString("}\n")
		case "stream":
			fmt.Fprintf(&t, "      streams: {superseded: true, older_than: %dd}\n", r.young)
		case "images":
			t.WriteString("      images: [NormalSnapshot]\n")
		}
	}
	fmt.Fprintf(&t, "guards: {count: %d, percent: %g, bytes: 900TB, unknown: 5000, times_usual: 100000, error_percent: 100}\n", b.count, b.percent)
	return t.String()
}

// limit is how many items a night may remove.
func (b rulebook) limit(assets int) int {
	return max(1, min(b.count, int(b.percent*float64(assets)/100)))
}

var (
	temporary = rule{name: "temporary", text: `"temp" in tags or "tmp" in tags`, older: 30, takes: "video", picks: func(m video.Media) tri {
		return truly(slices.Contains(m.Tags, "temp") || slices.Contains(m.Tags, "tmp"))
	}}
	lowPicture = rule{name: "low-picture", text: `all(streams, .height < 480)`, older: 60, takes: "video", picks: func(m video.Media) tri {
		if len(m.Streams) == 0 || m.Kind != video.KindVideo {
			return no // not told, or a question that makes no sense: unknown, and unknown keeps
		}
		for _, s := range m.Streams {
			if s.Height == 0 || s.Height >= 480 {
				return no
			}
		}
		return yes
	}}
	superseded = rule{name: "superseded", older: 7, young: 7, takes: "stream", picks: func(video.Media) tri { return yes }}
	sources    = rule{name: "sources", text: `status == "Normal"`, older: 90, takes: "source", picks: isNormal}
	smaller    = rule{name: "sources", text: `status == "Normal"`, older: 90, takes: "source", height: 480, picks: isNormal}
	snapshots  = rule{name: "snapshots", text: `status == "Normal"`, older: 45, takes: "images", picks: isNormal}
)

func isNormal(m video.Media) tri { return truly(m.Status == video.StatusNormal) }

// age says whether something is older than so many days. A moment is told with
// a quarter of an hour's doubt: clocks may differ by as much.
func age(from time.Time, days int, now time.Time) tri {
	if from.Year() < 2000 || from.After(now) {
		return no // not told
	}
	past := now.Sub(from.AddDate(0, 0, days))
	switch {
	case past > 15*time.Minute:
		return yes
	case past < -15*time.Minute:
		return no
	}
	return maybe
}

// complete says whether a stream can stand in for the whole. Whether one that
// needs a key can is the policy's word, and left open here.
func complete(s video.Stream, m video.Media, height int) tri {
	original := m.Duration
	if m.Source != nil && m.Source.Duration > 0 {
		original = m.Source.Duration
	}
	short := (original - s.Duration).Abs()
	whole := s.Status == "Normal" && s.Job != "" && s.Definition != "AUTO" && s.Definition != "OD" &&
		original > 0 && s.Duration > 0 && s.Size > 0 &&
		short <= min(2*time.Second, original/200) &&
		s.Height >= height && (s.Kind == "" || m.Kind == "" || s.Kind == string(m.Kind))
	if whole && s.Encrypted {
		return maybe
	}
	return truly(whole)
}

// completes counts the streams that surely stand in for the whole; possibles
// those that perhaps do.
func completes(m video.Media, height int, without ...string) int {
	return countStreams(m, height, yes, without)
}

func possibles(m video.Media, height int, without ...string) int {
	return countStreams(m, height, maybe, without)
}

func countStreams(m video.Media, height int, least tri, without []string) (n int) {
	for _, s := range m.Streams {
		if !slices.Contains(without, s.Job) && complete(s, m, height) >= least {
			n++
		}
	}
	return n
}

// selected says what the rules would take of an asset by what was told of it,
// protections aside.
func (b rulebook) selected(m video.Media, images []string, now time.Time) map[part]verdict {
	all := map[part]verdict{}
	say := func(p part, v verdict) {
		old, there := all[p]
		switch {
		case there && old.may == v.may && v.why != old.why:
			all[p] = verdict{v.may, old.why + "; " + v.why}
		case !there || v.may > old.may:
			all[p] = v
		}
	}
	for _, r := range b.rules {
		may := least(r.picks(m), age(m.Created, r.older, now))
		reason := "rule " + r.name + " does not select it, or not yet, or a fact is unknown"
		switch r.takes {
		case "video":
			if m.Status != video.StatusNormal {
				may = min(may, maybe)
			}
			say(part{m.ID, "video", ""}, verdict{may, reason})
		case "source":
			say(part{m.ID, "source", ""}, b.source(r, m, verdict{may, reason}))
		case "stream":
			for _, s := range m.Streams {
				old := least(may, age(s.Created, r.young, now))
				say(part{m.ID, "stream", s.Job}, older(s, m, verdict{old, reason}))
			}
		case "images":
			for _, kind := range images {
				if kind == "NormalSnapshot" {
					say(part{m.ID, "images", kind}, shown(m, verdict{may, reason}))
				}
			}
		}
	}
	return all
}

// source says whether the uploaded file may go: only by streams that stand in
// for it, at the height that the policy asks for, or else its own.
func (b rulebook) source(r rule, m video.Media, v verdict) verdict {
	if m.Source == nil || m.Source.Status != "Normal" {
		return stays("the source is not there, or not told")
	}
	height := r.height
	switch {
	case m.Kind == video.KindAudio:
		height = 0 // a question that sound does not have
	case height == 0:
		height = m.Source.Height
		if height == 0 {
			return stays("the height of the source is unknown")
		}
	}
	if m.Streams == nil || possibles(m, height) == 0 {
		return stays("no complete stream of %d lines or more stands in for the source", height)
	}
	if completes(m, height) == 0 || m.Kind == video.KindAudio || m.Duration != m.Source.Duration {
		v.may = min(v.may, maybe)
	}
	return v
}

// older says whether a stream is the older of two alike, and the newer complete
// and as good.
func older(s video.Stream, m video.Media, v verdict) verdict {
	best := no
	for _, t := range m.Streams {
		if t.Job == s.Job || t.Definition != s.Definition || t.Format != s.Format || complete(t, m, s.Height) == no {
			continue
		}
		switch {
		case t.Created.Year() < 2000 || s.Created.Year() < 2000 || !t.Created.After(s.Created):
		case complete(t, m, s.Height) == maybe, s.Height == 0 && m.Kind != video.KindAudio, t.Codec != s.Codec, t.Encrypted != s.Encrypted, t.Bitrate < s.Bitrate:
			best = max(best, maybe)
		default:
			best = yes
		}
	}
	if best == no {
		return stays("no newer complete transcode of the same kind takes its place")
	}
	v.may = min(v.may, best)
	return v
}

// shown says whether normal snapshots may go: not while one is the cover.
func shown(m video.Media, v verdict) verdict {
	switch {
	case strings.Contains(m.Cover, "/snapshots/normal/"):
		return stays("one of them is the cover")
	case !strings.Contains(m.Cover, ".com/image/") || len(m.Snapshots) == 0:
		v.may = min(v.may, maybe)
	}
	return v
}

// night's deadline: how many good nights an item may wait.
func nightsFor(backlog, limit, grace int) int {
	return int(math.Ceil(float64(backlog)/float64(limit))) + 2 + grace
}
