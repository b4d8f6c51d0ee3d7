package retention_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"vodcurator/shared/decide/retention"
	"vodcurator/shared/video"
)

// wholes is a policy that removes what the select names.
func wholes(t require.TestingT, selected string) *retention.Policy {
	return policy(t, "rules:\n  - name: r\n    select: '"+selected+"'\n    older_than: 30d\n    remove: {video: true}\n")
}

func takes(p *retention.Policy, m video.Media) []string {
	return words(p.Judge(m, retention.Inputs{Now: now, Above: map[int64]int64{m.Category: -1}}))
}

func TestFactsOfStreamsThatWereNotToldKeep(t *testing.T) {
	for _, selected := range []string{
		`all(streams, .height < 480)`, `max(map(streams, .height)) < 480`, `all(streams, .bitrate < 500)`,
		`"temp" in tags and all(streams, .size < 1000000)`, `"temp" in tags and all(streams, .fps < 20)`,
		`"temp" in tags and none(streams, .definition in ["HD", "2K", "4K"])`,
	} {
		p := wholes(t, selected)
		m := old()
		s := stream("hd", "HD", 1080, 2_000_000)
		s.Bitrate, s.FPS = 4000, 25
		m.Streams = []video.Stream{s}
		require.Empty(t, takes(p, m), "%s: told as HD it stays", selected)
		s.Height, s.Width, s.Size, s.Bitrate, s.FPS, s.Definition = 0, 0, 0, 0, 0, ""
		m.Streams = []video.Stream{s}
		v := p.Judge(m, retention.Inputs{Now: now})
		require.Empty(t, v.Items, "%s: nothing was told of the stream", selected)
		require.Equal(t, retention.Doubt, v.Keeps[0].Why)
		require.NotEmpty(t, v.Keeps[0].Missing, "the plan names what is missing")
	}
}

func TestARuleOnThePictureTakesNoSound(t *testing.T) {
	for _, selected := range []string{`short_side < 360`, `height < 480`, `fps < 20`, `orientation != "landscape"`, `"temp" in tags and size / fps > 1000000`, `"temp" in tags and bitrate / fps > 100`} {
		m := old()
		m.Kind = video.KindAudio
		m.Source = &video.Source{Status: "Normal", Size: 9000, Duration: time.Minute, AudioCodec: "aac", Bitrate: 128}
		m.Streams = []video.Stream{}
		require.Empty(t, takes(wholes(t, selected), m), "%s takes a podcast", selected)
	}
}

func TestTheFileNameOfAGoneSourceIsNotKnown(t *testing.T) {
	p := wholes(t, `"temp" in tags and not mentions(file_name, "master")`)
	m := old()
	m.Source.FileName = "x-master.mov"
	require.Empty(t, takes(p, m))
	m.Source = nil
	require.Empty(t, takes(p, m))
	m.Source = &video.Source{Status: "Deleted"}
	require.Empty(t, takes(p, m))
	m.Source = &video.Source{Status: "Normal", FileName: "x-draft.mov"}
	require.Equal(t, []string{"video"}, takes(p, m))
}

// A video whose source is what people play has no stream below 480 lines, nor any other.
func TestAllOfNoStreamsRemovesNothing(t *testing.T) {
	m := old()
	m.Streams = []video.Stream{}
	require.Empty(t, takes(wholes(t, "all(streams, .height < 480)"), m))
}

func TestTimesBefore2000AndAfterNowAreUnknown(t *testing.T) {
	for name, at := range map[string]time.Time{"zero": {}, "the epoch": time.Unix(0, 0), "before 2000": time.Date(1999, 12, 31, 0, 0, 0, 0, time.UTC), "the future": now.Add(time.Second)} {
		for _, since := range []string{"upload", "modification", "view"} {
			text := "usage: u.csv\nrules:\n  - {name: r, select: '\"temp\" in tags', older_than: 30d, since: " + since + ", remove: {video: true}}"
			m := old()
			m.Created, m.Modified = at, at
			v := policy(t, text).Judge(m, retention.Inputs{Now: now, Viewed: func(video.ID) (time.Time, bool) { return ago(40), true }})
			require.Empty(t, v.Items, "%s since %s", name, since)
			require.Equal(t, retention.Doubt, v.Keeps[0].Why)
			require.NotEmpty(t, v.Keeps[0].Missing)
		}
		m := aged("a", 50, 1, 1, "temp")
		m.Created = at
		_, keeps := settled(t, policy(t, "keep:\n  - {name: k, newest: 1}\nrules:\n  - {name: r, unsafe: true, select: '\"temp\" in tags', remove: {video: true}}"), m, aged("b", 60, 1, 1, "temp"))
		require.Contains(t, keeps["a"].Reason, "may be among the newest", name)
		require.Equal(t, retention.Protected, keeps["b"].Why, "%s takes no place among the newest", name)
	}
}

func TestWhatIsKeptForAnUnknownFactDoesNotPushAnotherOutOfAQuota(t *testing.T) {
	p := policy(t, "quotas:\n  - {name: q, above: 1000B, older_than: 30d}\nrules:\n  - {name: r, select: 'fps > 30', older_than: 30d, remove: {source: {}}}")
	a, b := aged("a", 90, 1, 600), aged("b", 80, 1, 600)
	a.Source.FPS, b.Source.FPS = 25, 25
	going, _ := settled(t, p, a, b)
	require.Equal(t, map[video.ID]string{"a": "q"}, going)
	a.Source.FPS = 0 // whether the rule takes its source, which would make room enough, is not known
	going, keeps := settled(t, p, a, b)
	require.Empty(t, going)
	require.Equal(t, retention.Doubt, keeps["a"].Why)
	require.Equal(t, retention.InQuota, keeps["b"].Why)
}

func TestFactsThatTwoAnswersTellDifferentlyKeep(t *testing.T) {
	p := policy(t, "rules:\n  - {name: r, select: 'status == \"Normal\"', older_than: 30d, remove: {source: {}}}")
	for _, fact := range []string{"tags", "category"} {
		m := old()
		require.NotEmpty(t, takes(p, m))
		m.Doubts = []string{fact}
		v := p.Judge(m, retention.Inputs{Now: now})
		require.Empty(t, v.Items)
		require.Equal(t, []string{fact}, v.Keeps[len(v.Keeps)-1].Missing)
		require.Equal(t, retention.Doubt, v.Keeps[len(v.Keeps)-1].Why)
		require.Contains(t, p.Held(m, retention.Inputs{Now: now}), fact+" unknown")
		all := []video.Media{aged("a", 50, 1, 1, "temp"), aged("b", 60, 1, 1, "temp")}
		all[0].Doubts = []string{fact}
		going, _ := settled(t, policy(t, "keep:\n  - {name: k, newest: 1, per: category}"+oldTemp), all...)
		require.Empty(t, going, "it is kept, and takes no place among the newest")
	}
	for _, fact := range []string{"status", "duration", "streams", "source", "size"} {
		m := old()
		m.Doubts = []string{fact}
		require.Equal(t, fact == "size", len(takes(p, m)) > 0, "%s in doubt: no source goes by it", fact)
	}
	m := old()
	m.Doubts = []string{"created"}
	require.Empty(t, takes(p, m))
}

// forgetting are the ways in which a library leaves out one fact of an asset.
var forgetting = map[string]func(*video.Media){
	"kind":               func(m *video.Media) { m.Kind = "" },
	"status":             func(m *video.Media) { m.Status = "" },
	"size":               func(m *video.Media) { m.Size = 0 },
	"duration":           func(m *video.Media) { m.Duration = 0 },
	"created":            func(m *video.Media) { m.Created = time.Time{} },
	"modified":           func(m *video.Media) { m.Modified = time.Time{} },
	"tags in doubt":      func(m *video.Media) { m.Doubts = []string{"tags"} },
	"category in doubt":  func(m *video.Media) { m.Doubts = []string{"category"} },
	"status in doubt":    func(m *video.Media) { m.Doubts = []string{"status"} },
	"duration in doubt":  func(m *video.Media) { m.Doubts = []string{"duration"} },
	"category name":      func(m *video.Media) { m.CategoryName = "" },
	"snapshots":          func(m *video.Media) { m.Snapshots = nil },
	"source":             func(m *video.Media) { m.Source = nil },
	"streams":            func(m *video.Media) { m.Streams = nil },
	"source.status":      ofSource(func(s *video.Source) { s.Status = "" }),
	"source.size":        ofSource(func(s *video.Source) { s.Size = 0 }),
	"source.duration":    ofSource(func(s *video.Source) { s.Duration = 0 }),
	"source.width":       ofSource(func(s *video.Source) { s.Width = 0 }),
	"source.height":      ofSource(func(s *video.Source) { s.Height = 0 }),
	"source.shape":       ofSource(func(s *video.Source) { s.Width, s.Height = 0, 0 }),
	"source.fps":         ofSource(func(s *video.Source) { s.FPS = 0 }),
	"source.bitrate":     ofSource(func(s *video.Source) { s.Bitrate = 0 }),
	"source.codec":       ofSource(func(s *video.Source) { s.VideoCodec = "" }),
	"source.audio codec": ofSource(func(s *video.Source) { s.AudioCodec = "" }),
	"source.fileName":    ofSource(func(s *video.Source) { s.FileName = "" }),
	"stream.job":         ofStream(func(s *video.Stream) { s.Job = "" }),
	"stream.definition":  ofStream(func(s *video.Stream) { s.Definition = "" }),
	"stream.format":      ofStream(func(s *video.Stream) { s.Format = "" }),
	"stream.codec":       ofStream(func(s *video.Stream) { s.Codec = "" }),
	"stream.kind":        ofStream(func(s *video.Stream) { s.Kind = "" }),
	"stream.status":      ofStream(func(s *video.Stream) { s.Status = "" }),
	"stream.size":        ofStream(func(s *video.Stream) { s.Size = 0 }),
	"stream.width":       ofStream(func(s *video.Stream) { s.Width = 0 }),
	"stream.height":      ofStream(func(s *video.Stream) { s.Height = 0 }),
	"stream.bitrate":     ofStream(func(s *video.Stream) { s.Bitrate = 0 }),
	"stream.fps":         ofStream(func(s *video.Stream) { s.FPS = 0 }),
	"stream.duration":    ofStream(func(s *video.Stream) { s.Duration = 0 }),
	"stream.created":     ofStream(func(s *video.Stream) { s.Created = time.Time{} }),
}

func ofSource(forget func(*video.Source)) func(*video.Media) {
	return func(m *video.Media) {
		if m.Source != nil {
			source := *m.Source
			forget(&source)
			m.Source = &source
		}
	}
}

// ofStream forgets a fact of the last stream; the order of streams is drawn.
func ofStream(forget func(*video.Stream)) func(*video.Media) {
	return func(m *video.Media) {
		if n := len(m.Streams); n > 0 {
			m.Streams = slices.Clone(m.Streams)
			forget(&m.Streams[n-1])
		}
	}
}

// drawAsset is an asset of which the library tells everything, and nothing twice in two ways.
func drawAsset(t *rapid.T, id string) video.Media {
	pick := func(name string, of ...string) string { return rapid.SampledFrom(of).Draw(t, name) }
	size := rapid.Int64Range(1, 500).Draw(t, "size")
	length := time.Duration(rapid.SampledFrom([]int{10, 60, 600}).Draw(t, "length")) * time.Second
	m := video.Media{Video: video.Video{
		ID: video.ID(id), Kind: video.Kind(pick("kind", "video", "video", "video", "audio")), Category: rapid.Int64Range(1, 2).Draw(t, "category"),
		CategoryName: "c", Status: video.Status(pick("status", "Normal", "Normal", "Normal", "Normal", "Blocked", "UploadFail", "Transcoding")),
		Created: ago(rapid.IntRange(0, 90).Draw(t, "age")), Modified: ago(rapid.IntRange(0, 90).Draw(t, "idle")), Size: size, Duration: length,
		StorageClass: "Standard",
	}}
	for _, tag := range []string{"temp", "lean", "keep"} {
		if rapid.IntRange(0, 2).Draw(t, tag) == 0 {
			m.Tags = append(m.Tags, tag)
		}
	}
	height := rapid.SampledFrom([]int{360, 720, 1080}).Draw(t, "height")
	m.Source = &video.Source{Status: pick("source", "Normal", "Normal", "Normal", "Deleted"), FileName: "x.mp4", Size: size, Duration: length,
		Bitrate: 900, AudioCodec: "aac"}
	if m.Kind == video.KindVideo {
		m.Source.Width, m.Source.Height, m.Source.VideoCodec = height*16/9, height, pick("codec", "h264", "hevc")
		m.Source.FPS = float64(rapid.IntRange(20, 30).Draw(t, "fps"))
	}
	if rapid.Bool().Draw(t, "snapshots") {
		m.Snapshots = []string{"https://x.example/" + id + "/covers/1.jpg"}
	}
	m.Streams = []video.Stream{}
	for i := range rapid.IntRange(0, 3).Draw(t, "streams") {
		h := rapid.SampledFrom([]int{360, 720, 1080}).Draw(t, "lines")
		s := video.Stream{Job: fmt.Sprint("j", i), Definition: pick("definition", "LD", "HD", "HD", "HD", "OD", "AUTO"), Format: pick("format", "mp4", "mp4", "m3u8"), Codec: pick("as", "h264", "h264", "hevc"),
			Kind: string(m.Kind), Status: pick("shown", "Normal", "Normal", "Invisible"), Size: rapid.Int64Range(1, 300).Draw(t, "bytes"),
			FPS: 25, Bitrate: float64(rapid.SampledFrom([]int{500, 900}).Draw(t, "bits")), Duration: length, Created: ago(rapid.IntRange(0, 90).Draw(t, "made"))}
		if m.Kind == video.KindVideo {
			s.Width, s.Height = h*16/9, h
		} else {
			s.FPS = 0
		}
		if rapid.IntRange(0, 5).Draw(t, "cut") == 0 {
			s.Duration = 5 * time.Second
		}
		s.Encrypted = rapid.IntRange(0, 5).Draw(t, "key") == 0
		m.Streams = append(m.Streams, s)
	}
	return m
}

func drawPolicy(t *rapid.T) string {
	selects := []string{`"temp" in tags`, `"lean" in tags`, `status == "Normal"`, `height < 720`, `all(streams, .height < 720)`, `any(streams, .height < 720)`, `none(streams, .status == "Invisible")`,
		`fps > 24`, `duration < 100`, `size > 200`, `bytes > 300`, `len(streams) > 1`, `kind == "video"`, `codec == "h264"`, `not (codec == "hevc")`, `orientation == "landscape"`, `idle_days > 30`,
		`source_gone`, `not source_gone`, `count(streams, .format == "mp4") == 1`, `max(map(streams, .height)) < 800`, `sum(map(streams, .size)) < 300`, `all(streams, .age_days > 20)`, `bitrate / fps > 30`}
	parts := []string{"{video: true}", "{source: {}}", "{source: {min_height: 360}}", "{source: {good_streams: 2, min_height: 300, encrypted: true}}", "{streams: {superseded: true}}",
		"{streams: {superseded: true, older_than: 20d, encrypted: true}}", "{streams: {keep_best: 1}}", "{streams: {keep_best: 2, format: [mp4]}}", "{streams: {height_below: 700}}",
		"{streams: {format: [mp4]}}", "{streams: {codec: [hevc], definition: [HD]}}", "{streams: {older_than: 40d}}", "{images: [CoverSnapshot, NormalSnapshot]}", "{streams: {height_above: 700}, source: {}}"}
	var b strings.Builder
	b.WriteString("usage: u.csv\nholds: {tags: [keep]}\nrules:\n")
	for i := range rapid.IntRange(1, 3).Draw(t, "rules") {
		since := rapid.SampledFrom([]string{"upload", "upload", "modification", "view"}).Draw(t, "since")
		fmt.Fprintf(&b, "  - {name: r%d, unsafe: true, select: '%s', older_than: %dd, since: %s, remove: %s}\n", i, rapid.SampledFrom(selects).Draw(t, "select"),
			rapid.IntRange(1, 60).Draw(t, "limit"), since, rapid.SampledFrom(parts).Draw(t, "remove"))
	}
	if rapid.Bool().Draw(t, "keeps") {
		b.WriteString("keep:\n")
		fmt.Fprintf(&b, "  - {name: k0, newest: %d, per: category, select: '%s'}\n", rapid.IntRange(1, 2).Draw(t, "newest"), rapid.SampledFrom(selects).Draw(t, "of"))
		fmt.Fprintf(&b, "  - {name: k1, within: %dd, since: modification, select: '%s'}\n", rapid.IntRange(1, 60).Draw(t, "within"), rapid.SampledFrom(selects).Draw(t, "for"))
	}
	if rapid.Bool().Draw(t, "quotas") {
		b.WriteString("quotas:\n")
		for i := range rapid.IntRange(1, 2).Draw(t, "how many") {
			fmt.Fprintf(&b, "  - {name: q%d, above: %dB, older_than: %dd, select: '%s'}\n", i, rapid.IntRange(1, 1500).Draw(t, "above"), rapid.IntRange(1, 60).Draw(t, "old"), rapid.SampledFrom(selects).Draw(t, "which"))
		}
	}
	return b.String()
}

// plan is what goes of a library, as "id kind part".
func plan(t require.TestingT, p *retention.Policy, all []video.Media, views map[video.ID]time.Time) map[string]bool {
	at := retention.Inputs{Now: now, Viewed: func(id video.ID) (time.Time, bool) { seen, ok := views[id]; return seen, ok }}
	var tally retention.Tally
	var verdicts []retention.Verdict
	for _, m := range all {
		v := p.Judge(m, at)
		p.Add(&tally, m, at, v)
		verdicts = append(verdicts, v)
	}
	slices.SortFunc(verdicts, retention.Order)
	items := map[string]bool{}
	for _, v := range verdicts {
		for _, i := range p.Settle(&tally, v).Items {
			items[fmt.Sprintf("%s %s %s", i.ID, i.Kind, i.Part)] = true
		}
	}
	return items
}

// The law on which everything else rests: what the library leaves out adds nothing to a
// plan, whatever the rules, quotas and keep rules ask, of this asset or of another one.
// A part of what would have gone as a whole is no addition.
func TestMakingAKnownFactUnknownNeverAddsAnItem(t *testing.T) {
	names := []string{"view"}
	for name := range forgetting {
		names = append(names, name)
	}
	slices.Sort(names)
	checked, fewer := 0, 0
	rapid.Check(t, func(t *rapid.T) {
		text := drawPolicy(t)
		p := policy(t, text)
		var all []video.Media
		views := map[video.ID]time.Time{}
		for i := range rapid.IntRange(1, 5).Draw(t, "assets") {
			m := drawAsset(t, fmt.Sprint("m", i))
			all = append(all, m)
			views[m.ID] = ago(rapid.IntRange(0, 90).Draw(t, "seen"))
		}
		before := plan(t, p, all, views)
		at := rapid.IntRange(0, len(all)-1).Draw(t, "of")
		for _, name := range names {
			without, seen := slices.Clone(all), map[video.ID]time.Time{}
			for id, view := range views {
				seen[id] = view
			}
			if name == "view" {
				delete(seen, all[at].ID)
			} else {
				forgetting[name](&without[at])
			}
			after := plan(t, p, without, seen)
			for item := range after {
				whole := strings.Fields(item)[0] + " video "
				require.True(t, before[item] || before[whole], "without %s of %s, %s goes\n%s\n%+v\n%+v", name, all[at].ID, item, text, all[at].Streams, all[at].Source)
			}
			checked++
			if len(after) < len(before) {
				fewer++
			}
		}
	})
	t.Logf("%d libraries with a fact less, %d of them removed less", checked, fewer)
}
