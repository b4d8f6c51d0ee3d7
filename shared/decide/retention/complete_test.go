package retention_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"vodcurator/shared/decide/retention"
	"vodcurator/shared/decide/rule"
	"vodcurator/shared/video"
)

func TestWhatMakesAStreamComplete(t *testing.T) {
	asset := func(change func(*video.Media)) video.Media {
		m := old()
		if change != nil {
			change(&m)
		}
		return m
	}
	for name, tc := range map[string]struct {
		change func(*video.Stream)
		asset  func(*video.Media)
		need   retention.Need
		want   rule.Truth
		why    string
	}{
		"all of it":                     {want: rule.Yes},
		"hidden":                        {change: func(s *video.Stream) { s.Status = "Invisible" }, want: rule.No, why: `status "Invisible"`},
		"status not told":               {change: func(s *video.Stream) { s.Status = "" }, want: rule.Unknown, why: "status unknown"},
		"no job":                        {change: func(s *video.Stream) { s.Job = "" }, want: rule.Unknown, why: "job unknown"},
		"encrypted":                     {change: func(s *video.Stream) { s.Encrypted = true }, want: rule.No, why: "encrypted"},
		"encrypted, as asked for":       {change: func(s *video.Stream) { s.Encrypted = true }, need: retention.Need{Encrypted: true}, want: rule.Yes},
		"a playlist of others":          {change: func(s *video.Stream) { s.Definition = "AUTO" }, want: rule.No, why: "AUTO"},
		"the source itself":             {change: func(s *video.Stream) { s.Definition = "OD" }, want: rule.No, why: "OD"},
		"definition not told":           {change: func(s *video.Stream) { s.Definition = "" }, want: rule.Unknown, why: "definition unknown"},
		"the sound of a video":          {change: func(s *video.Stream) { s.Kind = "audio" }, want: rule.No, why: "it is audio, the asset is video"},
		"a picture tells its kind":      {change: func(s *video.Stream) { s.Kind = "" }, want: rule.Yes},
		"kind not told":                 {change: func(s *video.Stream) { s.Kind, s.Height, s.Width = "", 0, 0 }, want: rule.Unknown, why: "kind unknown"},
		"kind of the asset not told":    {asset: func(m *video.Media) { m.Kind, m.Source = "", nil }, want: rule.Unknown, why: "kind of the asset unknown"},
		"kind told by the source":       {asset: func(m *video.Media) { m.Kind = "" }, want: rule.Yes},
		"a preview":                     {change: func(s *video.Stream) { s.Duration = 5 * time.Second }, want: rule.No, why: "it lasts 5s, the original 1m0s"},
		"longer than the original":      {change: func(s *video.Stream) { s.Duration = 61 * time.Second }, want: rule.No, why: "it lasts 1m1s"},
		"duration not told":             {change: func(s *video.Stream) { s.Duration = 0 }, want: rule.Unknown, why: "duration unknown"},
		"original of unknown length":    {asset: func(m *video.Media) { m.Duration, m.Source.Duration = 0, 0 }, want: rule.Unknown, why: "duration of the original unknown"},
		"length told by the source":     {asset: func(m *video.Media) { m.Duration = 0 }, want: rule.Yes},
		"length told by the library":    {asset: func(m *video.Media) { m.Source.Duration = 0 }, want: rule.Yes},
		"two lengths, but for rounding": {asset: func(m *video.Media) { m.Source.Duration += 300 * time.Millisecond }, want: rule.Yes},
		"a sound by its source": {asset: func(m *video.Media) { m.Kind, m.Source = "", &video.Source{AudioCodec: "aac"} },
			change: func(s *video.Stream) { s.Kind, s.Height = "audio", 0 }, want: rule.Yes},
		"a video by its codec":          {asset: func(m *video.Media) { m.Kind, m.Source = "", &video.Source{VideoCodec: "av1"} }, want: rule.Yes},
		"a source that tells nothing":   {asset: func(m *video.Media) { m.Kind, m.Source = "", &video.Source{} }, want: rule.Unknown, why: "kind of the asset"},
		"two lengths of one original":   {asset: func(m *video.Media) { m.Duration = time.Hour }, want: rule.Unknown, why: "duration of the original unknown"},
		"two seconds of a long film":    {asset: long, change: func(s *video.Stream) { s.Duration = 2*time.Hour - 2*time.Second }, want: rule.Yes},
		"more than that of a long film": {asset: long, change: func(s *video.Stream) { s.Duration = 2*time.Hour - 2*time.Second - 1 }, want: rule.No},
		"empty":                         {change: func(s *video.Stream) { s.Size = 0 }, want: rule.Unknown, why: "size unknown"},
		"as many lines as needed":       {need: retention.Need{Height: 720}, want: rule.Yes},
		"a line too few":                {need: retention.Need{Height: 721}, want: rule.No, why: "it has 720 lines, needed are 721"},
		"lines not told":                {change: func(s *video.Stream) { s.Height = 0 }, need: retention.Need{Height: 1}, want: rule.Unknown, why: "height unknown"},
		"lines of sound":                {asset: sound, change: func(s *video.Stream) { s.Kind, s.Height = "audio", 0 }, need: retention.Need{Height: 1}, want: rule.No, why: "no lines"},
		"sound of a sound":              {asset: sound, change: func(s *video.Stream) { s.Kind, s.Height = "audio", 0 }, want: rule.Yes},
		"what is wrong counts first":    {change: func(s *video.Stream) { s.Status, s.Size = "Invisible", 0 }, want: rule.No, why: "status"},
	} {
		s := stream("hd", "HD", 720, 300)
		m := asset(tc.asset)
		if tc.change != nil {
			tc.change(&s)
		}
		got, why := retention.Complete(s, m, tc.need)
		require.Equal(t, tc.want, got, name)
		require.Contains(t, why, tc.why, name)
		require.Equal(t, got == rule.Yes, why == "", name)
	}
}

func long(m *video.Media)  { m.Duration, m.Source.Duration = 2*time.Hour, 2*time.Hour }
func sound(m *video.Media) { m.Kind = video.KindAudio }

func TestWhatIsPlayable(t *testing.T) {
	none := func(m *video.Media) { m.Streams = []video.Stream{} }
	for name, tc := range map[string]struct {
		change func(*video.Media)
		want   rule.Truth
		why    string
	}{
		"with complete streams":              {func(*video.Media) {}, rule.Yes, ""},
		"with encrypted streams":             {each(func(s *video.Stream) { s.Encrypted = true }), rule.Yes, ""},
		"blocked, and maybe not for ever":    {func(m *video.Media) { m.Status = video.StatusBlocked }, rule.Unknown, "may play later"},
		"transcoded just now":                {func(m *video.Media) { m.Status = video.StatusTranscoding }, rule.Unknown, "may play later"},
		"of a status that nobody knows":      {func(m *video.Media) { m.Status = "Frozen" }, rule.Unknown, "Frozen"},
		"of no status":                       {func(m *video.Media) { m.Status = "" }, rule.Unknown, "status unknown"},
		"that never arrived":                 {func(m *video.Media) { m.Status = video.StatusUploadFailed }, rule.No, "UploadFail"},
		"that is arriving":                   {func(m *video.Media) { m.Status = video.StatusUploading }, rule.No, "Uploading"},
		"that cannot be transcoded":          {func(m *video.Media) { m.Status = video.StatusTranscodeFail }, rule.No, "TranscodeFail"},
		"with previews only":                 {each(func(s *video.Stream) { s.Duration = time.Second }), rule.No, "no complete stream"},
		"with previews, or the source":       {each(func(s *video.Stream) { s.Duration, s.Definition = time.Second, "" }), rule.Unknown, "definition"},
		"whose source has its size":          {func(m *video.Media) { none(m); m.Source.Size = 0 }, rule.Yes, ""},
		"whose size is its source's":         {func(m *video.Media) { none(m); m.Size = 0 }, rule.Yes, ""},
		"with streams of unknown size":       {each(func(s *video.Stream) { s.Size = 0 }), rule.Unknown, "size unknown"},
		"whose streams are not told":         {func(m *video.Media) { m.Streams = nil }, rule.Unknown, "streams"},
		"whose source is played":             {func(m *video.Media) { none(m) }, rule.Yes, ""},
		"whose source is played by its mode": {func(m *video.Media) { m.Streams, m.TranscodeMode = nil, "NoTranscode" }, rule.Yes, ""},
		"whose source is listed":             {func(m *video.Media) { m.Streams = m.Streams[:1]; m.Streams[0].Definition = "OD" }, rule.Yes, ""},
		"whose source is gone":               {func(m *video.Media) { none(m); m.Source.Status = "Deleted" }, rule.No, "no complete stream"},
		"whose source is not told":           {func(m *video.Media) { none(m); m.Source = nil }, rule.Unknown, "source"},
		"whose source tells no status":       {func(m *video.Media) { none(m); m.Source.Status = "" }, rule.Unknown, "status of the source"},
		"whose source has no size":           {func(m *video.Media) { none(m); m.Source.Size, m.Size = 0, 0 }, rule.Unknown, "size"},
		"whose source has no length":         {func(m *video.Media) { none(m); m.Source.Duration, m.Duration = 0, 0 }, rule.Unknown, "duration"},
	} {
		m := old()
		tc.change(&m)
		got, why := retention.Playable(m)
		require.Equal(t, tc.want, got, "an asset %s: %s", name, why)
		require.Contains(t, why, tc.why, name)
		require.Equal(t, got == rule.Yes, why == "", name)
	}
}

func TestAPreviewIsNoReplacementForASourceOfUnknownLength(t *testing.T) {
	p := policy(t, anyOld+"{source: {good_streams: 1}}")
	m := old()
	preview := stream("preview", "LD", 720, 10)
	preview.Duration = 5 * time.Second
	m.Streams = []video.Stream{preview}
	require.Empty(t, takes(p, m))
	m.Duration, m.Source.Duration = 0, 0
	require.Empty(t, takes(p, m))
}

func TestTheLastWholeStreamStaysWhenNobodyTellsTheLength(t *testing.T) {
	p := policy(t, anyOld+"{streams: {height_above: 480}}")
	m := old()
	preview := stream("preview", "LD", 360, 10)
	preview.Duration = 5 * time.Second
	m.Streams = []video.Stream{preview, stream("whole", "HD", 720, 300)}
	require.Empty(t, takes(p, m))
	m.Duration, m.Source = 0, nil
	require.Empty(t, takes(p, m))
	m.Source = &video.Source{Status: "Deleted"}
	require.Empty(t, takes(p, m))
}

func TestABrokenOrWorseTranscodeSupersedesNothing(t *testing.T) {
	p := policy(t, anyOld+"{streams: {superseded: true}}")
	for name, spoil := range map[string]func(*video.Stream){
		"of 3 s":               func(s *video.Stream) { s.Duration = 3 * time.Second },
		"empty":                func(s *video.Stream) { s.Size = 0 },
		"with fewer lines":     func(s *video.Stream) { s.Height, s.Width = 1070, 1904 },
		"of unknown lines":     func(s *video.Stream) { s.Height, s.Kind = 0, "video" },
		"with half the bits":   func(s *video.Stream) { s.Bitrate /= 2 },
		"of an unknown bit":    func(s *video.Stream) { s.Bitrate = 0 },
		"of an unknown codec":  func(s *video.Stream) { s.Codec = "" },
		"made at a lost time":  func(s *video.Stream) { s.Created = time.Time{} },
		"made in the future":   func(s *video.Stream) { s.Created = now.Add(time.Hour) },
		"of an unknown status": func(s *video.Stream) { s.Status = "" },
	} {
		m := old()
		before, newer := stream("before", "HD", 1080, 900), stream("newer", "HD", 1080, 900)
		before.Status, newer.Created = "Invisible", ago(80)
		m.Streams = []video.Stream{stream("ld", "LD", 360, 100), before, newer}
		require.Equal(t, []string{"stream before"}, takes(p, m))
		spoil(&m.Streams[2])
		v := p.Judge(m, retention.Inputs{Now: now})
		require.Empty(t, v.Items, "the newer one is %s", name)
		require.Equal(t, retention.Doubt, v.Keeps[0].Why, name)
	}
	m := old()
	twice(func(_, new *video.Stream) { new.Bitrate *= 0.96 })(&m)
	require.Equal(t, []string{"stream hd"}, takes(p, m), "two encodings of one picture differ by so much")
}

func TestOnlyEncryptedStreamsLeftAreNoReplacement(t *testing.T) {
	m := old()
	m.Streams = []video.Stream{stream("hd", "HD", 720, 300)}
	m.Streams[0].Encrypted = true
	require.Empty(t, takes(policy(t, anyOld+"{source: {}}"), m))
	require.Equal(t, []string{"source"}, takes(policy(t, anyOld+"{source: {encrypted: true}}"), m))
	m.Streams = append(m.Streams, stream("sd", "SD", 540, 200))
	require.Empty(t, takes(policy(t, anyOld+"{streams: {height_below: 600}}"), m))
	require.Equal(t, []string{"stream sd"}, takes(policy(t, anyOld+"{streams: {height_below: 600, encrypted: true}}"), m))
}

func TestABetterPictureIsNotLeftForAWorseOne(t *testing.T) {
	m := old()
	m.Source.Width, m.Source.Height, m.Source.Size = 3840, 2160, 9_000_000_000
	m.Streams = []video.Stream{stream("ld", "LD", 360, 10_000_000)}
	m.Tags = nil
	require.Empty(t, takes(retention.Default(), m))
	m.Tags = []string{"temp"}
	for name, tc := range map[string]struct {
		source, stream [2]int
		rule           string
		goes           bool
	}{
		"the same":                      {[2]int{1920, 1080}, [2]int{1920, 1080}, "{source: {}}", true},
		"more":                          {[2]int{1920, 1080}, [2]int{3840, 2160}, "{source: {}}", true},
		"a line less":                   {[2]int{1920, 1080}, [2]int{1918, 1078}, "{source: {}}", false},
		"an odd line less":              {[2]int{853, 481}, [2]int{852, 480}, "{source: {}}", true},
		"turned upright":                {[2]int{1920, 1080}, [2]int{1080, 1920}, "{source: {}}", true},
		"upright, and small":            {[2]int{1080, 1920}, [2]int{608, 1080}, "{source: {}}", false},
		"source of unknown height":      {[2]int{}, [2]int{1920, 1080}, "{source: {}}", false},
		"source of unknown width":       {[2]int{0, 1080}, [2]int{1920, 1080}, "{source: {}}", false},
		"source of unknown lines":       {[2]int{1920, 0}, [2]int{1920, 1920}, "{source: {}}", false},
		"stream of unknown width":       {[2]int{1920, 1080}, [2]int{0, 1080}, "{source: {}}", false},
		"wide, and low":                 {[2]int{1920, 1080}, [2]int{3840, 1000}, "{source: {}}", false},
		"high, and narrow":              {[2]int{1920, 1080}, [2]int{1440, 1080}, "{source: {}}", false},
		"less, as the policy names":     {[2]int{3840, 2160}, [2]int{1280, 720}, "{source: {min_height: 720}}", true},
		"less than the policy names":    {[2]int{3840, 2160}, [2]int{1278, 718}, "{source: {min_height: 720}}", false},
		"unknown, as the policy names":  {[2]int{}, [2]int{1280, 720}, "{source: {min_height: 720}}", true},
		"small, and the policy is high": {[2]int{640, 360}, [2]int{640, 360}, "{source: {min_height: 720}}", false},
	} {
		m.Source.Width, m.Source.Height = tc.source[0], tc.source[1]
		m.Streams[0].Width, m.Streams[0].Height = tc.stream[0], tc.stream[1]
		v := policy(t, anyOld+tc.rule).Judge(m, retention.Inputs{Now: now})
		require.Equal(t, tc.goes, len(v.Items) > 0, "%s: %+v", name, v.Keeps)
	}
	m.Source.Width, m.Source.Height = 1920, 1080
	m.Streams = []video.Stream{stream("hd", "HD", 720, 1), stream("full", "HD", 1080, 1)}
	require.Equal(t, []string{"source"}, takes(policy(t, anyOld+"{source: {good_streams: 2}}"), m), "one shows all that the source does")
	podcast := video.Media{Video: m.Video, Source: &video.Source{Status: "Normal", Size: 9, Duration: time.Minute, AudioCodec: "flac"}, Streams: []video.Stream{stream("mp3", "SQ", 0, 5)}}
	podcast.Kind, podcast.Streams[0].Kind, podcast.Streams[0].Width = video.KindAudio, "audio", 0
	require.Equal(t, []string{"source"}, takes(policy(t, anyOld+"{source: {}}"), podcast), "a sound has no picture to lose")
}

func TestTheEndOfALongFilmIsNotLost(t *testing.T) {
	m := old()
	long(&m)
	m.Streams = []video.Stream{stream("hd", "HD", 720, 300)}
	m.Streams[0].Duration = 2*time.Hour - 144*time.Second
	require.Empty(t, takes(policy(t, anyOld+"{source: {}}"), m))
	m.Streams[0].Duration = 2*time.Hour - time.Second
	require.Equal(t, []string{"source"}, takes(policy(t, anyOld+"{source: {}}"), m))
}

func TestASourceThatPeoplePlayStaysBesideItsStreams(t *testing.T) {
	m := old()
	od := stream("od", "OD", 720, 9000)
	m.Streams = append(m.Streams, od)
	require.Empty(t, takes(policy(t, anyOld+"{source: {}}"), m))
	m.Streams[3].Definition = ""
	require.Empty(t, takes(policy(t, anyOld+"{source: {}}"), m), "it may be the source")
}

// Failed uploads are the newest by their date, and nobody can watch them.
func TestUploadsThatDoNotPlayTakeNoPlaceAmongTheNewest(t *testing.T) {
	p := policy(t, "keep:\n  - {name: newest, newest: 3, per: category}"+oldTemp)
	real := []video.Media{aged("r1", 50, 7, 1, "temp"), aged("r2", 60, 7, 1, "temp"), aged("r3", 70, 7, 1, "temp"), aged("r4", 80, 7, 1, "temp")}
	broken := map[string]func(*video.Media){
		"whose streams are previews": func(m *video.Media) {
			m.Streams = []video.Stream{stream("p", "HD", 720, 1)}
			m.Streams[0].Duration = time.Second
		},
		"dated in the future":    func(m *video.Media) { m.Created = now.Add(time.Hour) },
		"of unknown length":      func(m *video.Media) { m.Duration, m.Source.Duration = 0, 0 },
		"without source or size": func(m *video.Media) { m.Source, m.Size = nil, 0 },
	}
	for _, status := range []video.Status{video.StatusUploading, video.StatusUploadFailed, video.StatusTranscodeFail, video.StatusBlocked, video.StatusProduceFail, video.StatusTranscoding, video.StatusUploaded, video.StatusChecking, ""} {
		broken["of status "+string(status)] = func(m *video.Media) { m.Status = status }
	}
	for name, spoil := range broken {
		all := append([]video.Media{}, real...)
		for _, id := range []string{"x1", "x2", "x3"} {
			m := aged(id, 0, 7, 1)
			spoil(&m)
			all = append(all, m)
		}
		going, _ := settled(t, p, all...)
		require.Equal(t, map[video.ID]string{"r4": "r"}, going, "assets %s push the real ones out", name)
	}
}

func TestWhatMayPlayLaterIsKeptByTheNewestAndWhatNeverWillIsNot(t *testing.T) {
	p := policy(t, "keep:\n  - {name: newest, newest: 3}"+oldTemp)
	blocked, failed := aged("blocked", 50, 7, 1, "temp"), aged("failed", 50, 7, 1, "temp")
	blocked.Status, failed.Status = video.StatusBlocked, video.StatusUploadFailed
	going, keeps := settled(t, p, blocked, failed, aged("plays", 60, 7, 1, "temp"))
	require.Equal(t, map[video.ID]string{"failed": "r"}, going)
	require.Equal(t, retention.Doubt, keeps["blocked"].Why)
	require.True(t, p.Survives(retention.Group{}, aged("plays", 60, 7, 1), retention.Inputs{Now: now}))
	require.False(t, p.Survives(retention.Group{}, blocked, retention.Inputs{Now: now}), "what stands for a group plays")
}

// A thousand failed uploads make no removal a small one.
func TestTheTallyCountsWhatPlays(t *testing.T) {
	p := policy(t, "quotas:\n  - {name: q, above: 1000B, older_than: 30d}")
	failed := aged("failed", 99, 1, 5000)
	failed.Status = video.StatusUploadFailed
	unknown := aged("unknown", 98, 1, 5000)
	unknown.Source = nil
	var tally retention.Tally
	for _, m := range []video.Media{failed, unknown, aged("a", 50, 1, 600), aged("b", 50, 1, 600), aged("c", 50, 1, 600)} {
		at := retention.Inputs{Now: now}
		p.Add(&tally, m, at, p.Judge(m, at))
	}
	require.Equal(t, 5, tally.Media)
	require.Equal(t, 3, tally.Complete)
	going, keeps := settled(t, p, failed, unknown, aged("a", 50, 1, 600), aged("b", 49, 1, 400))
	require.Empty(t, going, "what does not play takes no room")
	require.Contains(t, keeps["failed"].Reason, "does not play, so it does not count")
	require.Contains(t, keeps["unknown"].Reason, "its size is unknown")
}

func TestACoverThatMayBeInUseStays(t *testing.T) {
	const every = "[CoverSnapshot, NormalSnapshot, SpriteSnapshot, SpriteOriginSnapshot]"
	p := policy(t, anyOld+"{images: "+every+"}")
	all := []string{"images CoverSnapshot", "images NormalSnapshot", "images SpriteOriginSnapshot", "images SpriteSnapshot"}
	for cover, kept := range map[string][]string{
		"":                                     nil,
		"http://b/image/cover/ABC-6-2.png":     nil, // somebody uploaded it
		"https://b/image/default/ABC-6-2.png?": nil,
		"http://b/a1/covers/c-00001.jpg":       {all[0]},
		"https://cdn/a1/covers/c-00001.jpg?auth_key=1": {all[0]},
		"http://b/a1/covers/c-00009.jpg":               {all[0]},
		"http://b/a1/snapshots/normal/n-00003.jpg":     {all[1]},
		"http://b/a1/covers/sprite/s-00001.jpg":        {all[2], all[3]},
		"http://b/a1/snapshots/other/x.jpg":            all,
		"http://b/elsewhere.jpg":                       all,
		"http://b/a1/image/cover/x.jpg":                all,
		"%zz":                                          all,
		"http://b/a1/snapshots/normal/listed.jpg":      all, // by the list it is a cover snapshot
		"http://b/elsewhere/listed.jpg":                {all[0]},
	} {
		m := old()
		m.Snapshots, m.Cover = []string{"http://b/a1/covers/c-00001.jpg", "http://b/a1/snapshots/normal/listed.jpg", "http://b/elsewhere/listed.jpg"}, cover
		v := p.Judge(m, retention.Inputs{Now: now})
		require.Len(t, v.Items, len(all)-len(kept), cover)
		for _, i := range v.Items {
			require.NotContains(t, kept, "images "+i.Part, cover)
		}
		require.Len(t, v.Keeps, len(kept), cover)
	}
}

// What a fact that is missing would decide about one stream decides about the others too.
func TestBestOfStreamsOfWhichOneIsNotKnown(t *testing.T) {
	m := old()
	m.Streams[2].Duration = 0
	p := policy(t, anyOld+"{streams: {keep_best: 1}}")
	v := p.Judge(m, retention.Inputs{Now: now})
	require.Empty(t, v.Items, "nothing stays for certain: sd, or hd, but which?")
	require.Equal(t, []string{"streams[2].duration"}, v.Keeps[1].Missing)
	m.Streams = append(m.Streams, stream("full", "HD", 1080, 900))
	p = policy(t, anyOld+"{streams: {keep_best: 2}}")
	require.Equal(t, []string{"stream ld"}, takes(p, m), "full stays whatever hd is")
	m.Streams[2].Duration, m.Streams[2].Bitrate, m.Streams[2].Height = time.Minute, 0, 1080
	v = policy(t, anyOld+"{streams: {keep_best: 1}}").Judge(m, retention.Inputs{Now: now})
	require.Contains(t, v.Keeps[len(v.Keeps)-1].Reason+v.Keeps[0].Reason, "bitrate", "two of the same lines are told apart by their bits")
}
