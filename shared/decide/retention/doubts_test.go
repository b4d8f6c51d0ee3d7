package retention_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"vodcurator/shared/decide/retention"
	"vodcurator/shared/video"
)

// Who reads a plan sees which fact was missing, of which stream, by which rule.
func TestEveryDoubtNamesThePartAndTheFactsThatAreMissing(t *testing.T) {
	of := func(i int, change func(*video.Stream)) func(*video.Media) {
		return func(m *video.Media) { change(&m.Streams[i]) }
	}
	for name, tc := range map[string]struct {
		remove  string
		change  func(*video.Media)
		kind    retention.Kind
		part    string
		missing []string
		reason  string
	}{
		"status":             {"{source: {}}", func(m *video.Media) { m.Status = "" }, "", "", []string{"status"}, "status unknown: its parts may still change"},
		"age":                {"{video: true}", func(m *video.Media) { m.Created = time.Time{} }, "", "", []string{"uploaded"}, "upload time unknown"},
		"source":             {"{source: {}}", func(m *video.Media) { m.Source = nil }, retention.Source, "", []string{"source"}, "did not tell about the source file"},
		"its status":         {"{source: {}}", func(m *video.Media) { m.Source.Status = "" }, retention.Source, "", []string{"source.status"}, "status of the source file unknown"},
		"streams":            {"{source: {}}", func(m *video.Media) { m.Streams = nil }, retention.Source, "", []string{"streams"}, "did not tell about the streams"},
		"streams to remove":  {"{streams: {keep_best: 1}}", func(m *video.Media) { m.Streams = nil }, retention.Stream, "", []string{"streams"}, "did not tell about the streams"},
		"maybe the source":   {"{source: {}}", of(0, func(s *video.Stream) { s.Definition = "" }), retention.Source, "", []string{"streams[0].definition"}, "may be the source file itself"},
		"a stream too few":   {"{source: {good_streams: 3}}", of(0, func(s *video.Stream) { s.Duration = 0 }), retention.Source, "", []string{"streams[0].duration"}, "2 good streams as the source file is, wanted 3; unknown: streams[0].duration"},
		"no full stream":     {"{source: {}}", of(2, func(s *video.Stream) { s.Size = 0 }), retention.Source, "", []string{"streams[2].size"}, "2 good streams as the source file is, wanted 1; unknown: streams[2].size"},
		"the full stream":    {"{source: {}}", of(2, func(s *video.Stream) { s.Width = 0 }), retention.Source, "", []string{"streams[2].width"}, "3 good streams as the source file is, wanted 1; unknown: streams[2].width"},
		"its lines":          {"{source: {}}", of(2, func(s *video.Stream) { s.Height = 0 }), retention.Source, "", []string{"streams[2].height"}, "unknown: streams[2].height"},
		"lines asked for":    {"{source: {min_height: 720}}", of(2, func(s *video.Stream) { s.Height = 0 }), retention.Source, "", []string{"streams[2].height"}, "0 good streams of at least 720 lines, wanted 1; unknown"},
		"the source's lines": {"{source: {}}", func(m *video.Media) { m.Streams, m.Source.Height = m.Streams[2:], 0 }, retention.Source, "", []string{"source.height"}, "1 good stream as the source file is, wanted 1; unknown: source.height"},
		"the whole's length": {"{source: {}}", func(m *video.Media) { m.Streams, m.Duration, m.Source.Duration = m.Streams[2:], 0, 0 }, retention.Source, "", []string{"duration"}, "unknown: duration"},
		"the asset's kind":   {"{source: {}}", func(m *video.Media) { m.Streams, m.Kind, m.Source.Width = m.Streams[2:], "", 0 }, retention.Source, "", []string{"kind"}, "unknown: kind"},
		"a lost definition":  {"{streams: {height_below: 400}}", of(0, func(s *video.Stream) { s.Definition = "" }), retention.Stream, "ld", []string{"streams[0].definition"}, "may be the source file itself"},
		"a named definition": {"{streams: {definition: [LD]}}", of(0, func(s *video.Stream) { s.Definition = "" }), retention.Stream, "ld", []string{"streams[0].definition"}, "may be the source file itself"},
		"a format":           {"{streams: {format: [flv]}}", of(1, func(s *video.Stream) { s.Format = "" }), retention.Stream, "sd", []string{"streams[1].format"}, "format unknown"},
		"a codec":            {"{streams: {codec: [hevc]}}", of(0, func(s *video.Stream) { s.Codec = "" }), retention.Stream, "ld", []string{"streams[0].codec"}, "codec unknown"},
		"the first of two":   {"{streams: {format: [flv], codec: [hevc]}}", of(0, func(s *video.Stream) { s.Format, s.Codec = "", "" }), retention.Stream, "ld", []string{"streams[0].format"}, "format unknown"},
		"a height":           {"{streams: {height_below: 540}}", of(0, func(s *video.Stream) { s.Height = 0 }), retention.Stream, "ld", []string{"streams[0].height"}, "height unknown"},
		"a job":              {"{streams: {height_below: 540}}", of(0, func(s *video.Stream) { s.Job = "" }), retention.Stream, "", []string{"streams[0].job"}, "cannot be named"},
		"a stream's age":     {"{streams: {older_than: 98d, height_below: 400}}", of(0, func(s *video.Stream) { s.Created = time.Time{} }), retention.Stream, "ld", []string{"streams[0].created"}, "time of transcoding unknown"},
		"one that stays":     {"{streams: {height_below: 600}}", of(2, func(s *video.Stream) { s.Size = 0 }), retention.Stream, "", []string{"streams[2].size"}, "would be left of 3, or none that is known to: streams[2].size unknown"},
		"the best of all":    {"{streams: {keep_best: 3}}", of(1, func(s *video.Stream) { s.Duration = 0 }), retention.Stream, "sd", []string{"streams[1].duration"}, "it may be among the best 3: duration unknown"},
		"the best's lines":   {"{streams: {keep_best: 3}}", of(1, func(s *video.Stream) { s.Height = 0 }), retention.Stream, "sd", []string{"streams[1].height"}, "it may be among the best 3: height unknown"},
		"the best's bits":    {"{streams: {keep_best: 3}}", of(1, func(s *video.Stream) { s.Height, s.Width, s.Bitrate = 720, 1280, 0 }), retention.Stream, "sd", []string{"streams[1].bitrate"}, "it may be among the best 3: bitrate unknown"},
		"whether it shows":   {"{streams: {superseded: true}}", twice(func(old, _ *video.Stream) { old.Status = "" }), retention.Stream, "hd", []string{"streams[2].status"}, "hd2 is newer, but this one does not tell its status"},
		"when it was made":   {"{streams: {superseded: true}}", twice(func(_, new *video.Stream) { new.Created = time.Time{} }), retention.Stream, "hd", []string{"streams[3].created"}, "hidden, but nothing newer of its kind plays: streams[3] may be newer, time of transcoding unknown"},
		"what it replaces":   {"{streams: {superseded: true}}", twice(func(old, _ *video.Stream) { old.Format = "" }), retention.Stream, "hd", []string{"streams[3].format"}, "format unknown"},
		"its format":         {"{streams: {superseded: true}}", twice(func(_, new *video.Stream) { new.Format = "" }), retention.Stream, "hd", []string{"streams[3].format"}, "format unknown"},
		"its lines too":      {"{streams: {superseded: true}}", twice(func(old, _ *video.Stream) { old.Height, old.Width = 0, 0 }), retention.Stream, "hd", []string{"streams[3].height"}, "height unknown"},
		"the newer's lines":  {"{streams: {superseded: true}}", twice(func(_, new *video.Stream) { new.Height = 0 }), retention.Stream, "hd", []string{"streams[3].height"}, "height unknown"},
		"its bits":           {"{streams: {superseded: true}}", twice(func(old, _ *video.Stream) { old.Bitrate = 0 }), retention.Stream, "hd", []string{"streams[3].bitrate"}, "bitrate unknown"},
		"the newer's bits":   {"{streams: {superseded: true}}", twice(func(_, new *video.Stream) { new.Bitrate = 0 }), retention.Stream, "hd", []string{"streams[3].bitrate"}, "bitrate unknown"},
		"both facts":         {"{streams: {superseded: true}}", twice(func(old, new *video.Stream) { old.Status, new.Size = "", 0 }), retention.Stream, "hd", []string{"streams[3].size"}, "size unknown"},
	} {
		m := old()
		tc.change(&m)
		v := policy(t, anyOld+tc.remove).Judge(m, retention.Inputs{Now: now})
		require.Empty(t, v.Items, name)
		require.NotEmpty(t, v.Keeps, name)
		found := false
		for _, k := range v.Keeps {
			if len(k.Missing) > 0 && k.Missing[0] == tc.missing[0] {
				found = true
				require.Equal(t, retention.Keep{ID: "a1", Kind: tc.kind, Part: tc.part, Rule: "r", Why: retention.Doubt, Reason: k.Reason, Missing: tc.missing}, k, name)
				require.Contains(t, k.Reason, tc.reason, name)
				break
			}
		}
		require.True(t, found, "%s: %+v", name, v.Keeps)
	}
}

// What is known decides, though other facts are missing.
func TestAKnownFactDecidesBesideAMissingOne(t *testing.T) {
	for name, tc := range map[string]struct {
		remove string
		change func(*video.Media)
		takes  []string
		why    retention.Why // of the last keep
		reason string
	}{
		"never enough":        {"{source: {good_streams: 4}}", func(m *video.Media) { m.Streams[0].Size = 0 }, nil, retention.Needed, "2 good streams as the source file is, wanted 4"},
		"just enough":         {"{source: {good_streams: 3}}", func(*video.Media) {}, []string{"source"}, "", ""},
		"enough, one unknown": {"{source: {good_streams: 2}}", func(m *video.Media) { m.Streams[0].Size = 0 }, []string{"source"}, "", ""},
		"none is full": {"{source: {}}", func(m *video.Media) { m.Source.Height, m.Source.Width = 1080, 1920 }, nil, retention.Needed,
			"3 good streams as the source file is, wanted 1; none has the lines of the source file, and the policy names no min_height"},
		"young, of no format":       {"{streams: {format: [flv], older_than: 99d}}", func(m *video.Media) { m.Streams[0].Format = "" }, nil, retention.Young, "stream is 99d old, limit 99d"},
		"shown, of no format":       {"{streams: {superseded: true, format: [mp4]}}", func(m *video.Media) { m.Streams[0].Format = "" }, nil, "", ""},
		"the best, of no age":       {"{streams: {keep_best: 1, older_than: 40d}}", func(m *video.Media) { m.Streams[2].Created = time.Time{} }, []string{"stream ld", "stream sd"}, retention.Needed, "among the best 1"},
		"lines differ, bits do not": {"{streams: {keep_best: 1}}", each(func(s *video.Stream) { s.Bitrate = 0 }), []string{"stream ld", "stream sd"}, retention.Needed, "among the best 1"},
		"noise in the bits":         {"{streams: {superseded: true}}", twice(func(old, new *video.Stream) { old.Bitrate, new.Bitrate = 100, 95 }), []string{"stream hd"}, "", ""},
		"fewer bits": {"{streams: {superseded: true}}", twice(func(old, new *video.Stream) { old.Bitrate, new.Bitrate = 100, 94 }), nil, retention.Doubt,
			"hidden, but nothing newer of its kind plays: hd2 is newer, but it has 94 kbit/s, this one 100"},
		"fewer lines": {"{streams: {superseded: true}}", twice(func(_, new *video.Stream) { new.Height = 700 }), nil, retention.Doubt,
			"hidden, but nothing newer of its kind plays: hd2 is newer, but it has 700 lines, this one 720"},
		"nothing newer":                    {"{streams: {superseded: true}}", func(m *video.Media) { m.Streams[2].Status = "Invisible" }, nil, retention.Doubt, "hidden, but nothing newer of its kind plays"},
		"another definition and no format": {"{streams: {superseded: true}}", twice(func(old, new *video.Stream) { new.Definition, new.Format = "4K", "" }), nil, retention.Doubt, "hidden, but nothing newer of its kind plays"},
		"of no status, and nothing newer":  {"{streams: {superseded: true}}", func(m *video.Media) { m.Streams[2].Status = "" }, nil, "", ""},
	} {
		m := old()
		tc.change(&m)
		v := policy(t, anyOld+tc.remove).Judge(m, retention.Inputs{Now: now})
		require.Equal(t, tc.takes, words(v), "%s: %+v", name, v.Keeps)
		if tc.why == "" {
			require.Empty(t, v.Keeps, name)
			continue
		}
		last := v.Keeps[len(v.Keeps)-1]
		require.Equal(t, tc.why, last.Why, "%s: %s", name, last.Reason)
		require.Equal(t, tc.reason, last.Reason, name)
		require.Empty(t, last.Missing, name)
	}
}

func TestSoundIsComparedByItsBits(t *testing.T) {
	m := old()
	m.Kind, m.Source.Width, m.Source.Height = video.KindAudio, 0, 0
	each(func(s *video.Stream) { s.Kind, s.Width, s.Height = "audio", 0, 0 })(&m)
	require.Equal(t, []string{"stream ld", "stream sd"}, takes(policy(t, anyOld+"{streams: {keep_best: 1}}"), m))
	m.Streams = m.Streams[1:]
	m.Streams[0].Status, m.Streams[0].Definition, m.Streams[0].Created = "Invisible", "HD", ago(100)
	require.Equal(t, []string{"stream sd"}, takes(policy(t, anyOld+"{streams: {superseded: true}}"), m))
}

// Two rules look at one asset. What the first would take, if a fact were known, the second
// counts neither as gone nor as staying.
func TestWhatARuleMayTakeDoesNotCountAsStaying(t *testing.T) {
	const second = "\n  - {name: source, select: '\"temp\" in tags', older_than: 30d, remove: {source: {good_streams: 3, min_height: 300}}}"
	for name, tc := range map[string]struct {
		first  string
		change func(*video.Media)
		goes   bool
	}{
		"select unknown":               {"{name: a, select: 'fps < 20', older_than: 30d, remove: {streams: {height_below: 400}}}", nil, false},
		"select known not to hold":     {"{name: a, select: 'fps < 20', older_than: 30d, remove: {streams: {height_below: 400}}}", func(m *video.Media) { m.Source.FPS = 25 }, true},
		"select unknown, of no stream": {"{name: a, select: 'fps < 20', older_than: 30d, remove: {streams: {definition: [FD]}}}", nil, true},
		"select unknown, no streams":   {"{name: a, select: 'fps < 20', older_than: 30d, remove: {images: [NormalSnapshot]}}", nil, true},
		"age unknown":                  {"{name: a, select: '\"temp\" in tags', older_than: 30d, since: modification, remove: {streams: {height_below: 400}}}", func(m *video.Media) { m.Modified = time.Time{} }, false},
		"young":                        {"{name: a, select: '\"temp\" in tags', older_than: 60d, since: modification, remove: {streams: {height_below: 400}}}", nil, true},
		"format unknown":               {"{name: a, select: '\"temp\" in tags', older_than: 30d, remove: {streams: {format: [flv]}}}", func(m *video.Media) { m.Streams[0].Format = "" }, false},
	} {
		m := old()
		if tc.change != nil {
			tc.change(&m)
		}
		v := policy(t, "rules:\n  - "+tc.first+second).Judge(m, retention.Inputs{Now: now})
		require.Equal(t, tc.goes, len(v.Items) == 1, "%s: %+v", name, v.Keeps)
	}
	m := old()
	m.Streams = []video.Stream{m.Streams[0], m.Streams[2]}
	m.Streams[1].Size = 0 // so ld is not taken, and would be if hd were known to be there
	v := policy(t, "rules:\n  - {name: a, select: '\"temp\" in tags', older_than: 30d, remove: {streams: {height_below: 400}}}"+
		"\n  - {name: b, select: '\"temp\" in tags', older_than: 30d, remove: {source: {min_height: 300}}}").Judge(m, retention.Inputs{Now: now})
	require.Empty(t, v.Items)
	require.Equal(t, []string{"streams[0]", "streams[1].size"}, v.Keeps[len(v.Keeps)-1].Missing)
}

func TestAFactInDoubtIsUnknownToEveryRule(t *testing.T) {
	const temp = `"temp" in tags and `
	for fact, selected := range map[string]string{"kind": `kind == "video"`, "status": `status == "Normal"`, "size": "size > 1", "height": "height > 1", "title": `title == ""`, "duration": "duration > 1",
		"streams": "len(streams) > 1", "source": "not source_gone", "category": "category_id == 7"} {
		p := wholes(t, temp+selected)
		m := old()
		require.Equal(t, []string{"video"}, takes(p, m), fact)
		m.Doubts = []string{fact}
		v := p.Judge(m, retention.Inputs{Now: now})
		require.Empty(t, v.Items, fact)
		require.Equal(t, retention.Doubt, v.Keeps[0].Why, fact)
		require.Contains(t, v.Keeps[0].Missing[0], fact)
	}
	m := old()
	m.Snapshots, m.Doubts = []string{"u"}, []string{"cover"}
	require.Empty(t, takes(policy(t, anyOld+"{images: [CoverSnapshot]}"), m))
	m = old()
	m.Source = nil
	require.Equal(t, []string{"stream ld"}, takes(policy(t, anyOld+"{streams: {height_below: 400}}"), m))
	m.Doubts = []string{"kind"}
	require.Empty(t, takes(policy(t, anyOld+"{streams: {height_below: 400}}"), m), "of a sound they would be no copies")
	m.Doubts = []string{"modified"}
	require.Empty(t, takes(policy(t, "rules: [{name: r, select: '\"temp\" in tags', older_than: 30d, since: modification, remove: {video: true}}]"), m))
	for _, fact := range []string{"size", "duration", "kind", "status", "streams"} {
		for _, source := range []bool{true, false} {
			m := aged("a", 90, 1, 600)
			m.Doubts = []string{fact}
			if !source {
				m.Source = nil
			}
			going, keeps := settled(t, policy(t, "quotas: [{name: q, above: 1B, older_than: 30d}]"), m)
			if fact == "kind" && source { // nothing is transcoded, so nobody asks
				require.NotEmpty(t, going)
				continue
			}
			require.Empty(t, going, fact)
			require.NotEmpty(t, keeps["a"].Missing)
		}
	}
}

func TestTheShapeOfAGoneSourceIsNotThatOfItsStreams(t *testing.T) {
	p := wholes(t, `"temp" in tags and height < 9000`)
	for name, tc := range map[string]struct {
		source *video.Source
		goes   bool
	}{
		"told":              {&video.Source{Status: "Normal", Width: 3840, Height: 2160}, true},
		"gone, and told":    {&video.Source{Status: "Deleted", Width: 3840, Height: 2160}, true},
		"gone":              {&video.Source{Status: "Deleted"}, false},
		"gone, no width":    {&video.Source{Status: "Deleted", Height: 2160}, false},
		"gone, no height":   {&video.Source{Status: "Deleted", Width: 3840}, false},
		"maybe gone":        {&video.Source{}, false},
		"maybe gone, told":  {&video.Source{Width: 3840, Height: 2160}, true},
		"not told at all":   {nil, false},
		"there, not probed": {&video.Source{Status: "Normal"}, false},
	} {
		m := old()
		m.Source = tc.source
		require.Equal(t, tc.goes, len(takes(p, m)) > 0, name)
	}
	podcast := old()
	podcast.Kind, podcast.Streams = video.KindAudio, []video.Stream{}
	podcast.Source = &video.Source{Status: "Normal", AudioCodec: "aac"}
	require.NotEmpty(t, takes(wholes(t, `"temp" in tags and codec == "aac"`), podcast), "a sound that is there has a codec and no shape")
}

func TestBytesThatMayCountTwiceOrNotAtAllAreUnknown(t *testing.T) {
	quota := policy(t, "quotas: [{name: q, above: 1B, older_than: 30d}]")
	rules := wholes(t, `"temp" in tags and bytes > 1`)
	gone := wholes(t, `"temp" in tags and not source_gone`)
	for name, tc := range map[string]struct {
		change func(*video.Media)
		goes   bool
	}{
		"known":                           {func(*video.Media) {}, true},
		"a source that may be gone":       {func(m *video.Media) { m.Source.Status = "" }, false},
		"a stream that may be the source": {func(m *video.Media) { m.Streams[0].Definition = "" }, false},
	} {
		m := old()
		tc.change(&m)
		require.Equal(t, tc.goes, len(takes(rules, m)) > 0, name)
		going, _ := settled(t, quota, m)
		require.Equal(t, tc.goes, len(going) > 0, name)
		require.Equal(t, m.Source.Status != "", len(takes(gone, m)) > 0, name)
	}
}

func TestAQuotaNamesWhatItDoesNotKnow(t *testing.T) {
	p := policy(t, "quotas: [{name: q, above: 1B, older_than: 30d, select: 'fps > 1'}, {name: all, above: 1B, older_than: 30d}]")
	for name, tc := range map[string]struct {
		change  func(*video.Media)
		missing []string
		reason  string
	}{
		"select": {func(m *video.Media) { m.Source.FPS = 0 }, []string{"fps"}, "fps unknown"},
		"age":    {func(m *video.Media) { m.Created = time.Time{} }, []string{"uploaded"}, "upload time unknown"},
		"bytes":  {func(m *video.Media) { m.Size, m.Source.Size = 0, 0 }, []string{"bytes"}, "its size is unknown, so it does not count"},
		"plays":  {func(m *video.Media) { m.Status = video.StatusTranscoding }, []string{"playable"}, `whether it plays is not known, so it does not count: status "Transcoding": it may play later`},
	} {
		m := aged("a", 90, 1, 600)
		m.Source.FPS = 25
		require.Len(t, p.Judge(m, retention.Inputs{Now: now}).Claims, 2)
		tc.change(&m)
		v := p.Judge(m, retention.Inputs{Now: now})
		require.Empty(t, v.Claims, "%s: what one quota cannot tell counts for none", name)
		require.Equal(t, tc.missing, v.Keeps[0].Missing, name)
		require.Contains(t, v.Keeps[0].Reason, tc.reason, name)
		require.Len(t, v.Keeps, 2, "both quotas say why")
		if name == "select" {
			require.Equal(t, retention.Keep{ID: "a", Rule: "all", Why: retention.Doubt, Reason: "facts are unknown, so it does not count"}, v.Keeps[1])
		}
	}
}

func TestAnAssetViewedBeforeItWasUploadedIsAsYoungAsItsUpload(t *testing.T) {
	p := policy(t, "usage: u.csv\nrules: [{name: r, select: '\"temp\" in tags', older_than: 30d, since: view, remove: {video: true}}]")
	m := old()
	at := retention.Inputs{Now: now, Viewed: func(video.ID) (time.Time, bool) { return ago(40), true }}
	m.Created = time.Time{}
	v := p.Judge(m, at)
	require.Equal(t, "upload time unknown", v.Keeps[0].Reason)
	require.Equal(t, []string{"uploaded"}, v.Keeps[0].Missing)
	m.Created = now.Add(time.Hour)
	require.Equal(t, "upload time lies in the future", p.Judge(m, at).Keeps[0].Reason)
}

func TestThePolicysOwnTestsKnowItsHeldCategories(t *testing.T) {
	require.NotNil(t, policy(t, "holds: {categories: [9]}\n"+anyOld+"{video: true}\ntests:\n"+
		"  - {name: goes, media: {tags: [temp], age_days: 31, category_id: 7, status: Normal, size: 1}, removes: [video]}\n"+
		"  - {name: held, media: {tags: [temp], age_days: 31, category_id: 9, status: Normal, size: 1}, removes: []}\n"))
}
