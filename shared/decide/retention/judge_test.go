package retention_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"
	_ "time/tzdata" // the same zones on every machine

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"vodcurator/shared/decide/retention"
	"vodcurator/shared/video"
)

var now = time.Date(2026, 7, 1, 0, 0, 0, 0, time.UTC)

func ago(days int) time.Time { return now.AddDate(0, 0, -days) }

// policy parses a policy of these lines; guards and the like keep their defaults.
func policy(t require.TestingT, text string) *retention.Policy {
	p, err := retention.Parse("policy.yaml", []byte(text))
	require.NoError(t, err)
	return p
}

// words are what a verdict takes, as "kind part rule".
func words(v retention.Verdict) (all []string) {
	for _, i := range v.Items {
		all = append(all, strings.Join(strings.Fields(string(i.Kind)+" "+i.Part), " "))
	}
	return all
}

func old() video.Media {
	return video.Media{
		Video: video.Video{ID: "a1", Kind: video.KindVideo, Tags: []string{"temp"}, Status: video.StatusNormal, Category: 7,
			Created: ago(100), Modified: ago(50), Duration: time.Minute, Size: 9000},
		Source: &video.Source{Status: "Normal", Size: 9000, Duration: time.Minute, Width: 1280, Height: 720},
		Streams: []video.Stream{
			stream("ld", "LD", 360, 100), stream("sd", "SD", 540, 200), stream("hd", "HD", 720, 300),
		},
	}
}

func stream(job, definition string, height int, size int64) video.Stream {
	return video.Stream{Job: job, Definition: definition, Format: "mp4", Codec: "h264", Kind: "video", Status: "Normal", Size: size,
		Height: height, Width: height * 16 / 9, Bitrate: float64(height), Duration: time.Minute, Created: ago(99)}
}

const anyOld = "rules:\n  - name: r\n    select: '\"temp\" in tags'\n    older_than: 30d\n    remove: "

func TestWhatARuleTakesAndLeaves(t *testing.T) {
	for name, tc := range map[string]struct {
		remove string
		change func(*video.Media)
		takes  []string
		why    retention.Why // of the last keep, when nothing is taken
		reason string
	}{
		"a video past its age":        {remove: "{video: true}", takes: []string{"video"}},
		"a video on its last day":     {remove: "{video: true}", change: func(m *video.Media) { m.Created = ago(30) }, why: retention.Young, reason: "30d since upload, limit 30d"},
		"a second later":              {remove: "{video: true}", change: func(m *video.Media) { m.Created = ago(30).Add(-time.Second) }, takes: []string{"video"}},
		"no upload time":              {remove: "{video: true}", change: func(m *video.Media) { m.Created = time.Time{} }, why: retention.Doubt, reason: "upload time unknown"},
		"an upload in the future":     {remove: "{video: true}", change: func(m *video.Media) { m.Created = now.Add(time.Hour) }, why: retention.Doubt, reason: "future"},
		"a storage class changing":    {remove: "{video: true}", change: func(m *video.Media) { m.StorageClass = "SourceChanging" }, why: retention.Doubt, reason: "storage class"},
		"an upload that never ended":  {remove: "{video: true}", change: func(m *video.Media) { m.Status = video.StatusUploading }, takes: []string{"video"}},
		"not selected":                {remove: "{video: true}", change: func(m *video.Media) { m.Tags = []string{"temperature"} }},
		"parts of what does not play": {remove: "{source: {}}", change: func(m *video.Media) { m.Status = video.StatusTranscoding }, why: retention.Doubt, reason: `status "Transcoding"`},
		"a source with good streams":  {remove: "{source: {}}", takes: []string{"source"}},
		"a source that is gone":       {remove: "{source: {}}", change: func(m *video.Media) { m.Source.Status = "Deleted" }},
		"a source nobody told about":  {remove: "{source: {}}", change: func(m *video.Media) { m.Source = nil }, why: retention.Doubt, reason: "did not tell"},
		"a source still arriving":     {remove: "{source: {}}", change: func(m *video.Media) { m.Source.Status = "Uploading" }, why: retention.Doubt, reason: `status "Uploading"`},
		"a source people play":        {remove: "{source: {}}", change: func(m *video.Media) { m.TranscodeMode = "NoTranscode" }, why: retention.Needed, reason: "what people play"},
		"a source transcoded later":   {remove: "{source: {}}", change: func(m *video.Media) { m.TranscodeMode = "AsyncTranscode" }, why: retention.Needed, reason: "what people play"},
		"a source without streams":    {remove: "{source: {}}", change: func(m *video.Media) { m.Streams = []video.Stream{} }, why: retention.Needed, reason: "0 good streams"},
		"streams nobody told about":   {remove: "{source: {}}", change: func(m *video.Media) { m.Streams = nil }, why: retention.Doubt, reason: "did not tell about the streams"},
		"enough good streams":         {remove: "{source: {good_streams: 2, min_height: 540}}", takes: []string{"source"}},
		"one good stream too few":     {remove: "{source: {good_streams: 2, min_height: 541}}", why: retention.Needed, reason: "1 good stream of at least 541 lines, wanted 2"},
		"streams that were cut short": {remove: "{source: {}}", change: each(func(s *video.Stream) { s.Duration = 50 * time.Second }), why: retention.Needed},
		"streams half a percent off":  {remove: "{source: {}}", change: each(func(s *video.Stream) { s.Duration = time.Minute - 300*time.Millisecond }), takes: []string{"source"}},
		"streams just below that":     {remove: "{source: {}}", change: each(func(s *video.Stream) { s.Duration = time.Minute - 300*time.Millisecond - 1 }), why: retention.Needed},
		"streams longer by that":      {remove: "{source: {}}", change: each(func(s *video.Stream) { s.Duration = time.Minute + 300*time.Millisecond }), takes: []string{"source"}},
		"streams longer than that":    {remove: "{source: {}}", change: each(func(s *video.Stream) { s.Duration = time.Minute + 300*time.Millisecond + 1 }), why: retention.Needed},
		"streams of one byte":         {remove: "{source: {}}", change: each(func(s *video.Stream) { s.Size = 1 }), takes: []string{"source"}},
		"streams of unknown length":   {remove: "{source: {}}", change: each(func(s *video.Stream) { s.Duration = 0 }), why: retention.Doubt, reason: "streams[2].duration"},
		"only the source as a stream": {remove: "{source: {}}", change: each(func(s *video.Stream) { s.Definition = "OD" }), why: retention.Needed},
		"streams of no size":          {remove: "{source: {}}", change: each(func(s *video.Stream) { s.Size = 0 }), why: retention.Doubt, reason: "streams[0].size"},
		"hidden streams":              {remove: "{source: {}}", change: each(func(s *video.Stream) { s.Status = "Invisible" }), why: retention.Needed},
		"sound alone":                 {remove: "{source: {}}", change: each(func(s *video.Stream) { s.Kind = "audio" }), why: retention.Needed},
		"length known to the source":  {remove: "{source: {}}", change: func(m *video.Media) { m.Duration = 0; each(func(s *video.Stream) { s.Duration = time.Second })(m) }, why: retention.Needed},
		"streams not told of":         {remove: "{streams: {height_below: 540}}", change: func(m *video.Media) { m.Streams = nil }, why: retention.Doubt, reason: "did not tell about the streams"},
		"low streams":                 {remove: "{streams: {height_below: 540}}", takes: []string{"stream ld"}},
		"high streams":                {remove: "{streams: {height_above: 540}}", takes: []string{"stream hd"}},
		"streams by definition":       {remove: "{streams: {definition: [LD, SD]}}", takes: []string{"stream ld", "stream sd"}},
		"streams by format":           {remove: "{streams: {format: [flv]}}", change: func(m *video.Media) { m.Streams[1].Format = "flv" }, takes: []string{"stream sd"}},
		"streams by codec":            {remove: "{streams: {codec: [hevc]}}", change: func(m *video.Media) { m.Streams[1].Codec = "hevc" }, takes: []string{"stream sd"}},
		"an unknown height":           {remove: "{streams: {height_below: 540}}", change: func(m *video.Media) { m.Streams[0].Height = 0 }},
		"an unknown codec":            {remove: "{streams: {codec: [h264]}}", change: func(m *video.Media) { m.Streams[0].Codec, m.Streams[2].Codec = "", "hevc" }, takes: []string{"stream sd"}},
		"no known codec that stays":   {remove: "{streams: {codec: [h264]}}", change: func(m *video.Media) { m.Streams[0].Codec, m.Streams[2].Codec = "", "" }, why: retention.Doubt, reason: "none that is known to"},
		"all but the best":            {remove: "{streams: {keep_best: 1}}", takes: []string{"stream ld", "stream sd"}},
		"all but the best two":        {remove: "{streams: {keep_best: 2}}", takes: []string{"stream ld"}},
		"the best of equals":          {remove: "{streams: {keep_best: 1}}", change: each(func(s *video.Stream) { s.Height, s.Bitrate = 720, 1 }), why: retention.Needed, reason: "among the best 1"},
		"more bits are better":        {remove: "{streams: {keep_best: 1}}", change: each(func(s *video.Stream) { s.Height = 720 }), takes: []string{"stream ld", "stream sd"}},
		"the best that is cut short":  {remove: "{streams: {keep_best: 1}}", change: func(m *video.Media) { m.Streams[2].Duration = time.Second }, takes: []string{"stream hd", "stream ld"}},
		"every stream that plays":     {remove: "{streams: {definition: [LD, SD, HD]}}", why: retention.Needed, reason: "no stream that plays the whole would be left of 3"},
		"a stream that is the source": {remove: "{streams: {height_below: 540}}", change: func(m *video.Media) { m.Streams[0].Definition = "OD" }, why: retention.Needed, reason: "OD"},
		"a stream without a name":     {remove: "{streams: {height_below: 540}}", change: func(m *video.Media) { m.Streams[0].Job = "" }, why: retention.Doubt, reason: "without a job"},
		"old streams":                 {remove: "{streams: {older_than: 40d}}", change: func(m *video.Media) { m.Streams[0].Created = ago(10); m.Streams[1].Created = ago(40) }, takes: []string{"stream hd"}},
		"a stream of unknown age": {remove: "{streams: {older_than: 40d}}", change: func(m *video.Media) {
			each(func(s *video.Stream) { s.Created = ago(1) })(m)
			m.Streams[2].Created = time.Time{}
		}, why: retention.Doubt, reason: "time of transcoding unknown"},
		"a stream from the future":      {remove: "{streams: {older_than: 40d}}", change: each(func(s *video.Stream) { s.Created = now.Add(time.Hour) }), why: retention.Doubt, reason: "time of transcoding unknown"},
		"a superseded stream":           {remove: "{streams: {superseded: true}}", change: twice(nil), takes: []string{"stream hd"}},
		"superseded, but not hidden":    {remove: "{streams: {superseded: true}}", change: twice(func(old, _ *video.Stream) { old.Status = "Normal" }), why: retention.Doubt, reason: "hd2 is newer, but this one still has status"},
		"hidden, but nothing is newer":  {remove: "{streams: {superseded: true}}", change: func(m *video.Media) { m.Streams[2].Status = "Invisible" }, why: retention.Doubt, reason: "nothing newer of its kind plays"},
		"the newer one does not play":   {remove: "{streams: {superseded: true}}", change: twice(func(_, new *video.Stream) { new.Status = "Invisible" }), why: retention.Doubt},
		"the newer one is older":        {remove: "{streams: {superseded: true}}", change: twice(func(_, new *video.Stream) { new.Created = ago(100) }), why: retention.Doubt},
		"both of one second":            {remove: "{streams: {superseded: true}}", change: twice(func(_, new *video.Stream) { new.Created = ago(99) }), why: retention.Doubt},
		"another definition":            {remove: "{streams: {superseded: true}}", change: twice(func(_, new *video.Stream) { new.Definition = "2K" }), why: retention.Doubt},
		"another format":                {remove: "{streams: {superseded: true}}", change: twice(func(_, new *video.Stream) { new.Format = "m3u8" }), why: retention.Doubt},
		"another codec":                 {remove: "{streams: {superseded: true}}", change: twice(func(_, new *video.Stream) { new.Codec = "hevc" }), why: retention.Doubt},
		"another encryption":            {remove: "{streams: {superseded: true}}", change: twice(func(_, new *video.Stream) { new.Encrypted = true }), why: retention.Doubt},
		"sound for pictures":            {remove: "{streams: {superseded: true}}", change: twice(func(_, new *video.Stream) { new.Kind = "audio" }), why: retention.Doubt},
		"superseded at an unknown time": {remove: "{streams: {superseded: true}}", change: twice(func(old, _ *video.Stream) { old.Created = time.Time{} }), why: retention.Doubt, reason: "time of transcoding unknown"},
		"nothing superseded":            {remove: "{streams: {superseded: true}}"},
		"source and streams":            {remove: "{source: {}, streams: {keep_best: 1}}", takes: []string{"stream ld", "stream sd", "source"}},
		"streams that go do not count":  {remove: "{source: {good_streams: 2}, streams: {keep_best: 1}}", takes: []string{"stream ld", "stream sd"}},
		"snapshots":                     {remove: "{images: [SpriteSnapshot, NormalSnapshot]}", change: func(m *video.Media) { m.Snapshots = []string{"u"} }, takes: []string{"images NormalSnapshot", "images SpriteSnapshot"}},
		"no snapshots":                  {remove: "{images: [NormalSnapshot]}"},
		"a cover in use":                {remove: "{images: [CoverSnapshot]}", change: func(m *video.Media) { m.Snapshots, m.Cover = []string{"u"}, "c" }, why: retention.Needed, reason: "cover"},
		"a cover not in use":            {remove: "{images: [CoverSnapshot]}", change: func(m *video.Media) { m.Snapshots = []string{"u"} }, takes: []string{"images CoverSnapshot"}},
	} {
		t.Run(name, func(t *testing.T) {
			m := old()
			if tc.change != nil {
				tc.change(&m)
			}
			v := policy(t, anyOld+tc.remove).Judge(m, retention.Inputs{Now: now})
			require.Equal(t, tc.takes, words(v), "%+v", v.Keeps)
			for _, i := range v.Items {
				require.Equal(t, "r", i.Rule)
				require.Contains(t, i.Reason, "since upload, limit 30d")
			}
			if tc.why != "" {
				require.NotEmpty(t, v.Keeps)
				last := v.Keeps[len(v.Keeps)-1]
				require.Equal(t, tc.why, last.Why, last.Reason)
				require.Contains(t, last.Reason, tc.reason)
			}
		})
	}
}

func each(change func(*video.Stream)) func(*video.Media) {
	return func(m *video.Media) {
		for i := range m.Streams {
			change(&m.Streams[i])
		}
	}
}

// twice adds a second transcode of hd, which supersedes the first.
func twice(change func(old, new *video.Stream)) func(*video.Media) {
	return func(m *video.Media) {
		second := stream("hd2", "HD", 720, 280)
		second.Created = ago(60)
		m.Streams = append(m.Streams, second)
		m.Streams[2].Status = "Invisible"
		if change != nil {
			change(&m.Streams[2], &m.Streams[3])
		}
	}
}

func TestSizes(t *testing.T) {
	for name, tc := range map[string]struct {
		change func(*video.Media)
		size   int64
	}{
		"source and streams":       {func(*video.Media) {}, 9000 + 100 + 200 + 300},
		"the source is gone":       {func(m *video.Media) { m.Source.Status = "Deleted" }, 600},
		"the source told nothing":  {func(m *video.Media) { m.Source.Size = 0 }, 9600},
		"no source, but a size":    {func(m *video.Media) { m.Source = nil }, 9600},
		"no size at all":           {func(m *video.Media) { m.Source, m.Size = nil, 0 }, retention.Unknown},
		"a stream of size 0":       {func(m *video.Media) { m.Streams[0].Size = 0 }, retention.Unknown},
		"the source as a stream":   {func(m *video.Media) { m.Streams[0].Definition, m.Streams[0].Size = "OD", 0 }, 9500},
		"a source of one byte":     {func(m *video.Media) { m.Source.Size = 1 }, 601},
		"a stream of one byte":     {func(m *video.Media) { m.Streams[0].Size = 1 }, 9501},
		"nothing but a small file": {func(m *video.Media) { m.Streams, m.Source, m.Size = []video.Stream{}, nil, 1 }, 1},
		"streams not told of":      {func(m *video.Media) { m.Streams = nil }, retention.Unknown},
		"nor is there a source":    {func(m *video.Media) { m.Streams, m.Source.Status = nil, "Deleted" }, retention.Unknown},
		"nothing left of it":       {func(m *video.Media) { m.Streams, m.Source.Status = []video.Stream{}, "Deleted" }, 0},
	} {
		m := old()
		tc.change(&m)
		require.Equal(t, tc.size, retention.Size(m), name)
	}
}

func TestPartsTellTheirOwnSize(t *testing.T) {
	m := old()
	m.Snapshots, m.Streams[1].Size, m.Source.Size = []string{"u"}, 0, 1
	v := policy(t, anyOld+"{streams: {height_below: 600}, source: {}, images: [NormalSnapshot]}").Judge(m, retention.Inputs{Now: now})
	var sizes []int64
	for _, i := range v.Items {
		sizes = append(sizes, i.Bytes)
	}
	require.Equal(t, []int64{100, retention.Unknown, 1, retention.Unknown}, sizes)
}

// A call for images that are gone is still a call to delete, and their size is unknown
// every night.
func TestImagesThatAreGoneAreNotListedAgain(t *testing.T) {
	p := policy(t, anyOld+"{images: [NormalSnapshot, SpriteSnapshot]}")
	require.True(t, p.NeedsPast())
	require.False(t, policy(t, anyOld+"{source: {}}").NeedsPast())
	require.False(t, (*retention.Policy)(nil).NeedsPast())
	m := old()
	m.Snapshots = []string{"u"}
	at := retention.Inputs{Now: now, Imaged: func(id video.ID, kind string) bool { return id == "a1" && kind == "NormalSnapshot" }}
	require.Equal(t, []string{"images SpriteSnapshot"}, words(p.Judge(m, at)))
	m.ID = "b2"
	require.Len(t, p.Judge(m, at).Items, 2)
}

func TestAgesCountFromUploadModificationOrView(t *testing.T) {
	rule := "usage: usage.csv\nrules:\n  - {name: r, select: '\"temp\" in tags', older_than: 30d, since: %s, remove: {video: true}}"
	viewed := func(days int, known bool) retention.Inputs {
		return retention.Inputs{Now: now, Viewed: func(video.ID) (time.Time, bool) { return ago(days), known }}
	}
	m := old() // uploaded 100 and changed 50 days ago
	require.Len(t, policy(t, fmt.Sprintf(rule, "upload")).Judge(m, retention.Inputs{Now: now}).Items, 1)
	byChange := policy(t, fmt.Sprintf(rule, "modification"))
	require.Contains(t, byChange.Judge(m, retention.Inputs{Now: now}).Items[0].Reason, "50d since modification")
	m.Modified = time.Time{}
	require.Contains(t, byChange.Judge(m, retention.Inputs{Now: now}).Keeps[0].Reason, "modification time unknown")
	byView := policy(t, fmt.Sprintf(rule, "view"))
	require.Contains(t, byView.Judge(m, viewed(40, true)).Items[0].Reason, "40d since view")
	require.Empty(t, byView.Judge(m, viewed(20, true)).Items)
	require.Contains(t, byView.Judge(m, viewed(40, false)).Keeps[0].Reason, "last view unknown")
	require.Contains(t, byView.Judge(m, retention.Inputs{Now: now}).Keeps[0].Reason, "no usage was given")
	require.Empty(t, byView.Judge(m, viewed(-1, true)).Items, "a view in the future is no age")
	m.Created = ago(10)
	require.Empty(t, byView.Judge(m, viewed(40, true)).Items, "an upload after its last counted view")
}

func TestReasonsNameTheirValues(t *testing.T) {
	m := old()
	v := policy(t, anyOld+"{video: true}").Judge(m, retention.Inputs{Now: now})
	require.Equal(t, "100d since upload, limit 30d", v.Items[0].Reason)
	m.Created = now.Add(-24 * time.Hour)
	v = policy(t, anyOld+"{video: true}").Judge(m, retention.Inputs{Now: now})
	require.Equal(t, "1d since upload, limit 30d", v.Keeps[0].Reason)
	require.Equal(t, now.AddDate(0, 0, 29), v.Keeps[0].Due)
	for want, age := range map[string]time.Duration{
		"23 h": 23 * time.Hour, "23 h 59 min": 24*time.Hour - time.Second, "17 h 05 min": 17*time.Hour + 5*time.Minute, "1 h": time.Hour, "59 min": time.Hour - time.Minute,
	} {
		m.Created = now.Add(-age)
		v = policy(t, anyOld+"{video: true}").Judge(m, retention.Inputs{Now: now})
		require.Equal(t, want+" since upload, limit 30d", v.Keeps[0].Reason)
	}
	v = policy(t, "rules:\n  - {name: r, unsafe: true, select: '\"temp\" in tags', remove: {video: true}}").Judge(m, retention.Inputs{Now: now})
	require.Equal(t, "no age limit", v.Items[0].Reason)
}

func TestAMissingFactKeeps(t *testing.T) {
	none := policy(t, "rules:\n  - {name: r, select: 'len(streams) == 0', older_than: 30d, remove: {video: true}}")
	m := old()
	m.Streams = nil
	require.Contains(t, none.Judge(m, retention.Inputs{Now: now}).Keeps[0].Reason, "streams unknown")
	m.Streams = []video.Stream{}
	require.Len(t, none.Judge(m, retention.Inputs{Now: now}).Items, 1, "that there are none is known")

	p := policy(t, "rules:\n  - {name: r, select: 'fps > 10', older_than: 30d, remove: {video: true}}")
	v := p.Judge(old(), retention.Inputs{Now: now}) // fps was not told
	require.Empty(t, v.Items)
	require.Equal(t, retention.Doubt, v.Keeps[0].Why)
	require.Contains(t, v.Keeps[0].Reason, "fps unknown")
}

func TestKeepRules(t *testing.T) {
	rule := "\nrules:\n  - {name: r, select: '\"temp\" in tags', older_than: 30d, remove: {video: true}}"
	for name, tc := range map[string]struct {
		keep   string
		change func(*video.Media)
		kept   bool
		why    retention.Why
	}{
		"by select":               {keep: "{name: k, select: 'category_id == 7'}", kept: true, why: retention.Protected},
		"not selected":            {keep: "{name: k, select: 'category_id == 8'}"},
		"cannot be evaluated":     {keep: "{name: k, select: 'fps > 10'}", kept: true, why: retention.Doubt},
		"within a time":           {keep: "{name: k, within: 100d}", kept: true, why: retention.Protected},
		"just outside":            {keep: "{name: k, within: 99d}"},
		"within since a change":   {keep: "{name: k, within: 50d, since: modification}", kept: true, why: retention.Protected},
		"since an unknown change": {keep: "{name: k, within: 1d, since: modification}", change: func(m *video.Media) { m.Modified = time.Time{} }, kept: true, why: retention.Doubt},
		"within and selected":     {keep: "{name: k, within: 100d, select: 'category_id == 8'}"},
	} {
		t.Run(name, func(t *testing.T) {
			m := old()
			if tc.change != nil {
				tc.change(&m)
			}
			v := policy(t, "keep:\n  - "+tc.keep+rule).Judge(m, retention.Inputs{Now: now})
			require.Equal(t, tc.kept, len(v.Items) == 0)
			if tc.kept {
				require.Equal(t, tc.why, v.Keeps[0].Why, v.Keeps[0].Reason)
				require.Equal(t, "k", v.Keeps[0].Rule)
			}
		})
	}
}

func TestHolds(t *testing.T) {
	p := policy(t, "holds: {tags: [keep, 保留], categories: [9], until: hold-until}\n"+anyOld+"{video: true}")
	for name, tc := range map[string]struct {
		change func(*video.Media)
		at     retention.Inputs
		held   string
	}{
		"nothing holds":                      {},
		"a tag":                              {change: tags("keep"), held: `tag "keep" holds`},
		"a tag in other letters":             {change: tags("KEEP"), held: `tag "KEEP" holds`},
		"a tag with blanks":                  {change: tags(" keep "), held: "holds"},
		"a tag beyond Latin":                 {change: tags("保留"), held: "holds"},
		"another tag":                        {change: tags("keeper")},
		"a category":                         {change: func(m *video.Media) { m.Category = 9 }, held: "category 9 is held"},
		"a category below it":                {change: func(m *video.Media) { m.Category = 92 }, held: "category 92 is below 9, which is held"},
		"a category two levels below it":     {change: func(m *video.Media) { m.Category = 921 }, held: "category 921 is below 9, which is held"},
		"a category beside it":               {change: func(m *video.Media) { m.Category = 71 }},
		"a category of no tree":              {change: func(m *video.Media) { m.Category = 5 }, held: "category 5 is not in the tree of categories, so it may be held"},
		"a category of a tree with a circle": {change: func(m *video.Media) { m.Category = 3 }, held: "so it may be held"},
		"a category whose parent is unknown": {change: func(m *video.Media) { m.Category = 6 }, held: "so it may be held"},
		"no category":                        {change: func(m *video.Media) { m.Category = 0 }},
		"the list":                           {at: retention.Inputs{Held: map[video.ID]string{"a1": "court order"}}, held: "on the hold list: court order"},
		"the list without a note":            {at: retention.Inputs{Held: map[video.ID]string{"a1": ""}}, held: "on the hold list"},
		"the list of others":                 {at: retention.Inputs{Held: map[video.ID]string{"b2": ""}}},
		"a date to come":                     {change: tags("hold-until:2027-01-01"), held: "holds"},
		"today":                              {change: tags("hold-until:2026-07-01"), held: "holds"},
		"yesterday, but not yet in the west": {change: tags("hold-until:2026-06-30"), held: "holds"},
		"the day before":                     {change: tags("hold-until:2026-06-29")},
		"a date behind a blank":              {change: tags(" hold-until:2027-01-01"), held: "holds"},
		"a date behind other signs":          {change: tags("Hold-Until = 2027/01/01"), held: "holds"},
		"a date behind a wide colon":         {change: tags("hold-until：2027.01.01"), held: "holds"},
		"no date":                            {change: tags("hold-until"), held: "has no date"},
		"a date nobody can read":             {change: tags("hold-until:next week"), held: "so it holds"},
		"a date that is none":                {change: tags("hold-until:2026-13-45"), held: "so it holds"},
	} {
		t.Run(name, func(t *testing.T) {
			m := old()
			if tc.change != nil {
				tc.change(&m)
			}
			tc.at.Now, tc.at.Above = now, map[int64]int64{7: -1, 71: 7, 9: -1, 92: 9, 921: 92, 3: 4, 4: 3, 6: 60}
			v := p.Judge(m, tc.at)
			require.Equal(t, tc.held != "", len(v.Items) == 0)
			if tc.held != "" {
				require.Equal(t, retention.Held, v.Keeps[0].Why)
				require.Contains(t, v.Keeps[0].Reason, tc.held)
			}
		})
	}
}

func TestWhoHoldsCategoriesNeedsTheirTree(t *testing.T) {
	require.True(t, policy(t, "holds: {categories: [9]}\n"+anyOld+"{video: true}").HoldsCategories())
	require.False(t, policy(t, anyOld+"{video: true}").HoldsCategories())
	require.False(t, (*retention.Policy)(nil).HoldsCategories())
	require.Equal(t, map[int64]int64{9: -1, 92: 9}, retention.Above([]video.Category{{ID: 9, Parent: -1}, {ID: 92, Parent: 9}}))
}

func tags(more ...string) func(*video.Media) {
	return func(m *video.Media) { m.Tags = append(slices.Clone(m.Tags), more...) }
}

func TestTheHourAHoldEnds(t *testing.T) {
	p := policy(t, anyOld+"{video: true}")
	m := old()
	m.Tags = append(m.Tags, "hold-until:2026-06-30")
	end := time.Date(2026, 7, 1, 12, 0, 0, 0, time.UTC) // 1 July begins everywhere on earth
	require.Empty(t, p.Judge(m, retention.Inputs{Now: end.Add(-time.Second)}).Items)
	require.Len(t, p.Judge(m, retention.Inputs{Now: end}).Items, 1)
}

func TestTheFirstRuleHasTheCreditAndAWholeTakesItsParts(t *testing.T) {
	two := "\n  - {name: second, select: '\"temp\" in tags', older_than: 10d, remove: %s}"
	v := policy(t, anyOld+"{streams: {keep_best: 2}}"+fmt.Sprintf(two, "{streams: {keep_best: 1}}")).Judge(old(), retention.Inputs{Now: now})
	require.Equal(t, []string{"stream ld", "stream sd"}, words(v))
	require.Equal(t, []string{"r", "second"}, []string{v.Items[0].Rule, v.Items[1].Rule})

	v = policy(t, anyOld+"{source: {}}"+fmt.Sprintf(two, "{video: true}")).Judge(old(), retention.Inputs{Now: now})
	require.Equal(t, []string{"video"}, words(v))
	require.Equal(t, "second", v.Items[0].Rule)
	v = policy(t, anyOld+"{video: true}"+fmt.Sprintf(two, "{source: {}}")).Judge(old(), retention.Inputs{Now: now})
	require.Equal(t, []string{"video"}, words(v), "whichever comes first")

	m := old()
	m.Snapshots = []string{"u"}
	v = policy(t, anyOld+"{images: [NormalSnapshot]}"+fmt.Sprintf(two, "{images: [NormalSnapshot, SpriteSnapshot]}")).Judge(m, retention.Inputs{Now: now})
	require.Equal(t, []string{"images NormalSnapshot", "images SpriteSnapshot"}, words(v), "what two rules take goes once")
	require.Equal(t, "r", v.Items[0].Rule)
}

func TestWhatNoRuleTakesNeedsNoHold(t *testing.T) {
	m := old()
	m.Tags = []string{"keep"}
	v := policy(t, "holds: {tags: [keep]}\n"+anyOld+"{video: true}").Judge(m, retention.Inputs{Now: now})
	require.Empty(t, v.Keeps)
	require.True(t, v.Empty())
	v = policy(t, anyOld+"{streams: {definition: [FD]}}").Judge(old(), retention.Inputs{Now: now})
	require.True(t, v.Empty(), "and a filter that fits no stream says nothing of the last one")
}

func TestItemsAndVerdictsAreComparedByWhatTheyTake(t *testing.T) {
	item := retention.Item{ID: "a", Kind: retention.Stream, Part: "p", Rule: "r", Bytes: 7}
	require.True(t, item.Same(retention.Item{ID: "a", Kind: retention.Stream, Part: "p"}))
	for _, other := range []retention.Item{
		{ID: "b", Kind: retention.Stream, Part: "p"}, {ID: "a", Kind: retention.Source, Part: "p"}, {ID: "a", Kind: retention.Stream, Part: "q"},
		{ID: "b", Kind: retention.Source, Part: "p"}, {ID: "b", Kind: retention.Source, Part: "q"},
	} {
		require.False(t, item.Same(other), other)
		require.False(t, retention.Verdict{Items: []retention.Item{other}, Claims: []retention.Claim{{Item: other}}}.Has(item))
	}
	require.True(t, retention.Verdict{Items: []retention.Item{item}}.Has(item))
	require.True(t, retention.Verdict{Claims: []retention.Claim{{Item: item}}}.Has(item))
	require.True(t, retention.Verdict{}.Empty())
	require.False(t, retention.Verdict{Items: []retention.Item{item}}.Empty())
	require.False(t, retention.Verdict{Keeps: []retention.Keep{{ID: "a"}}}.Empty())
	require.False(t, retention.Verdict{Claims: []retention.Claim{{Item: item}}}.Empty())
}

// What tells no height, sound for one, is only left alone where a height is asked for.
func TestAStreamWithoutAHeightFitsWhereNoneIsAskedFor(t *testing.T) {
	m := old()
	sound := stream("mp3", "LD", 0, 50)
	sound.Kind, sound.Format, sound.Width = "audio", "mp3", 0
	m.Streams = append(m.Streams, sound)
	takes := func(filter string) []string {
		return words(policy(t, anyOld+"{streams: "+filter+"}").Judge(m, retention.Inputs{Now: now}))
	}
	require.Equal(t, []string{"stream mp3"}, takes("{format: [mp3]}"))
	require.Empty(t, takes("{format: [mp3], height_below: 9000}"))
	require.Empty(t, takes("{format: [mp3], height_above: 1}"))
	require.Equal(t, []string{"stream ld"}, takes("{height_below: 361, height_above: 359}"))
}

func TestTwoRulesTogetherDoNotTakeTheLastStream(t *testing.T) {
	text := "rules:\n" +
		"  - {name: low, select: '\"temp\" in tags', older_than: 30d, remove: {streams: {height_below: 600}}}\n" +
		"  - {name: high, select: '\"temp\" in tags', older_than: 30d, remove: {streams: {height_above: 600}}}\n"
	v := policy(t, text).Judge(old(), retention.Inputs{Now: now})
	require.Equal(t, []string{"stream ld", "stream sd"}, words(v))
	require.Equal(t, retention.Needed, v.Keeps[0].Why)
}

// The loss would be for good: a source goes only by the streams that stay.
func TestASourceAndTheStreamsItNeedsDoNotGoTogether(t *testing.T) {
	for name, tc := range map[string]struct {
		source, streams string
		takes           []string
	}{
		"the only stream high enough": {"{good_streams: 1, min_height: 720}", "{height_above: 540}", []string{"stream hd"}},
		"two, and one of them goes":   {"{good_streams: 3}", "{height_below: 400}", []string{"stream ld"}},
		"enough are left":             {"{good_streams: 2, min_height: 540}", "{height_below: 400}", []string{"stream ld", "source"}},
	} {
		source := "  - {name: source, select: '\"temp\" in tags', older_than: 30d, remove: {source: " + tc.source + "}}\n"
		streams := "  - {name: streams, select: '\"temp\" in tags', older_than: 30d, remove: {streams: " + tc.streams + "}}\n"
		for _, rules := range []string{source + streams, streams + source} {
			v := policy(t, "rules:\n"+rules).Judge(old(), retention.Inputs{Now: now})
			require.Equal(t, tc.takes, words(v), "%s, by\n%s%+v", name, rules, v.Keeps)
		}
	}
}

func TestTheZeroPolicyRemovesNothing(t *testing.T) {
	var none *retention.Policy
	require.True(t, none.Judge(old(), retention.Inputs{Now: now}).Empty())
	require.True(t, new(retention.Policy).Judge(old(), retention.Inputs{Now: now}).Empty())
	require.Error(t, none.Check())
	require.Error(t, new(retention.Policy).Check())
	require.NoError(t, retention.Default().Check())
}

func TestAMediaWithoutAnIDIsNotJudged(t *testing.T) {
	m := old()
	m.ID = ""
	require.True(t, policy(t, anyOld+"{video: true}").Judge(m, retention.Inputs{Now: now}).Empty())
}

// Whatever the rules are and in whatever order: what a hold covers stays, the
// last stream that plays stays, a source goes only while its rule's own condition
// holds of what is left, the input stays as it was, and twice is the same.
func TestLaws(t *testing.T) {
	removes := []string{"{video: true}", "{source: {}}", "{streams: {keep_best: 1}}", "{streams: {definition: [LD, SD, HD]}}", "{streams: {superseded: true}}", "{images: [NormalSnapshot]}",
		"{streams: {height_above: 540}}", "{streams: {height_below: 540}, source: {good_streams: 2}}"}
	rapid.Check(t, func(t *rapid.T) {
		var text strings.Builder
		text.WriteString("holds: {tags: [keep], categories: [9]}\nrules:\n")
		type need struct{ good, height int }
		needs := map[string]need{} // of the rules that take sources
		for i, remove := range rapid.SliceOfN(rapid.SampledFrom(removes), 1, 5).Draw(t, "rules") {
			n := need{good: 1}
			if rapid.Bool().Draw(t, "source") {
				n = need{rapid.IntRange(1, 3).Draw(t, "good"), rapid.SampledFrom([]int{0, 360, 541, 720}).Draw(t, "height")}
				remove = fmt.Sprintf("{source: {good_streams: %d, min_height: %d}}", n.good, n.height)
			} else if strings.Contains(remove, "good_streams: 2") {
				n.good = 2
			}
			needs[fmt.Sprintf("r%d", i)] = n
			fmt.Fprintf(&text, "  - {name: r%d, select: '\"temp\" in tags', older_than: %dd, remove: %s}\n", i, rapid.IntRange(1, 99).Draw(t, "days"), remove)
		}
		p := policy(t, text.String())
		m := old()
		m.Snapshots = []string{"u"}
		m.Tags = rapid.SampledFrom([][]string{{"temp"}, {"temp"}, {"a", "temp"}, {"temp", "keep"}, {"keep"}, nil}).Draw(t, "tags")
		m.Category = rapid.SampledFrom([]int64{8, 8, 8, 9}).Draw(t, "category")
		for i := range m.Streams {
			m.Streams[i].Status = rapid.SampledFrom([]string{"Normal", "Invisible"}).Draw(t, "status")
			m.Streams[i].Definition = rapid.SampledFrom([]string{"LD", "HD"}).Draw(t, "definition")
			m.Streams[i].Created = ago(rapid.IntRange(0, 120).Draw(t, "age"))
		}
		before := fmt.Sprintf("%+v %+v", m, *m.Source)
		at := retention.Inputs{Now: now, Above: map[int64]int64{8: -1, 9: -1}}
		v := p.Judge(m, at)
		require.Equal(t, before, fmt.Sprintf("%+v %+v", m, *m.Source))
		require.Equal(t, v, p.Judge(m, at))
		if slices.Contains(m.Tags, "keep") || m.Category == 9 || !slices.Contains(m.Tags, "temp") {
			require.Empty(t, v.Items)
		}
		takes := words(v)
		if slices.Contains(takes, "video") {
			require.Len(t, takes, 1)
			return
		}
		require.Len(t, slices.Compact(slices.Sorted(slices.Values(takes))), len(takes), "nothing twice")
		left, streams := 0, false
		var heights []int
		for _, s := range m.Streams {
			goes := slices.Contains(takes, "stream "+s.Job)
			streams = streams || goes
			if !goes && s.Status == "Normal" {
				left++
				heights = append(heights, s.Height)
			}
		}
		for _, i := range v.Items {
			if n := needs[i.Rule]; i.Kind == retention.Source {
				good := slices.DeleteFunc(slices.Clone(heights), func(h int) bool { return h < n.height })
				require.GreaterOrEqual(t, len(good), n.good, "what the rule asks for is left: %s", text.String())
			}
		}
		if streams || slices.Contains(takes, "source") {
			require.NotZero(t, left, "something still plays")
		}
	})
}

func TestStreamReasonsNameTheirValues(t *testing.T) {
	judge := func(remove string, change func(*video.Media)) retention.Verdict {
		m := old()
		if change != nil {
			change(&m)
		}
		return policy(t, anyOld+remove).Judge(m, retention.Inputs{Now: now})
	}
	const age = "100d since upload, limit 30d; "
	require.Equal(t, age+"LD mp4 640x360", judge("{streams: {height_below: 400}}", nil).Items[0].Reason)
	require.Equal(t, age+"LD mp4 640x360, not among the best 2", judge("{streams: {keep_best: 2}}", nil).Items[0].Reason)
	require.Equal(t, age+"HD mp4 1280x720, stream is 99d old, limit 40d, superseded by hd2",
		judge("{streams: {superseded: true, older_than: 40d}}", twice(nil)).Items[0].Reason)
	young := judge("{streams: {height_below: 400, older_than: 40d}}", each(func(s *video.Stream) { s.Created = ago(10) }))
	require.Equal(t, []retention.Keep{{ID: "a1", Kind: retention.Stream, Part: "ld", Rule: "r", Why: retention.Young, Reason: "stream is 10d old, limit 40d"}}, young.Keeps)
	require.Empty(t, judge("{streams: {height_below: 100}}", nil).Keeps, "what does not fit needs no reason")
	best := judge("{streams: {keep_best: 1}}", nil)
	require.Equal(t, []retention.Keep{{ID: "a1", Kind: retention.Stream, Part: "hd", Rule: "r", Why: retention.Needed, Reason: "among the best 1"}}, best.Keeps)
	doubt := judge("{streams: {superseded: true}}", twice(func(old, _ *video.Stream) { old.Status = "Normal" }))
	require.Len(t, doubt.Keeps, 1)
	require.Equal(t, "hd", doubt.Keeps[0].Part)
}

// An age is hours by the clock, whatever the zone, over a change to summer time and a leap day.
func TestAnAgeIsTheSameInEveryZone(t *testing.T) {
	p := policy(t, anyOld+"{video: true}")
	for _, zone := range []string{"America/New_York", "Europe/Berlin", "Asia/Shanghai", "Pacific/Apia"} {
		where, err := time.LoadLocation(zone)
		require.NoError(t, err)
		for _, created := range []time.Time{
			time.Date(2026, 3, 8, 12, 0, 0, 0, where), time.Date(2028, 2, 29, 12, 0, 0, 0, where), time.Date(2026, 10, 25, 1, 30, 0, 0, where),
		} {
			m := old()
			m.Created = created
			for _, off := range []time.Duration{-time.Second, 0, time.Second} {
				v := p.Judge(m, retention.Inputs{Now: created.Add(30*24*time.Hour + off)})
				require.Equal(t, off > 0, len(v.Items) == 1, "%s, created %s, %s beyond 30 days", zone, created, off)
			}
		}
	}
}
