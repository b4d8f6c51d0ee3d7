package retention_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"vodcurator/shared/decide/retention"
	"vodcurator/shared/decide/rule"
	"vodcurator/shared/video"
)

// stored is a video of 5 kB in a class, with a stream that stands in for its source.
func stored(class string, ageDays int) video.Media {
	at := rule.SampleTime.AddDate(0, 0, -ageDays)
	return video.Media{
		Video: video.Video{ID: "a1", Kind: video.KindVideo, Title: "t", Status: video.StatusNormal, StorageClass: class,
			Created: at, Modified: at, Duration: time.Minute, Size: 4000},
		Source: &video.Source{Status: "Normal", Size: 4000, Duration: time.Minute, Width: 1280, Height: 720, VideoCodec: "h264"},
		Streams: []video.Stream{{Job: "j", Definition: "HD", Format: "mp4", Kind: "video", Status: "Normal", Width: 1280, Height: 720,
			Size: 1000, Duration: time.Minute}},
	}
}

// moves is what a policy moves of an asset, and all reasons why it does not.
func moves(p *retention.Policy, m video.Media, at retention.Inputs) (what, why string) {
	if at.Now.IsZero() {
		at.Now = rule.SampleTime
	}
	v := p.Moves().Judge(m, at)
	var items, keeps []string
	for _, i := range v.Items {
		items = append(items, i.Part+":"+i.To)
	}
	for _, k := range v.Keeps {
		keeps = append(keeps, string(k.Why)+": "+k.Reason)
	}
	return strings.Join(items, " "), strings.Join(keeps, "; ")
}

const ladder = `
usage: usage.csv
holds: {tags: [keep]}
rules:
  - name: cool
    move: {in_use: 30d, restore: true, ladder: [{older_than: 90d, to: IA}, {older_than: 365d, to: Archive, scope: all}]}
`

func viewed(daysAgo int) func(video.ID) (time.Time, bool) {
	return func(video.ID) (time.Time, bool) { return rule.SampleTime.AddDate(0, 0, -daysAgo), daysAgo >= 0 }
}

func entered(class string, daysAgo int) func(video.ID) (string, time.Time, bool) {
	return func(video.ID) (string, time.Time, bool) { return class, rule.SampleTime.AddDate(0, 0, -daysAgo), true }
}

func TestAnAssetGoesDownALadderAndComesBack(t *testing.T) {
	p := policy(t, ladder)
	for _, tc := range []struct {
		name    string
		class   string
		age     int
		view    int // days ago; below 0: the usage file does not list it
		entered int // days ago, into its class; 0: no move of ours
		want    string
		why     string
	}{
		{"young", "Standard", 90, 60, 0, "", "young"},
		{"old", "Standard", 91, 60, 0, "all:IA", ""},
		{"very old, straight to the coldest", "Standard", 366, 60, 0, "all:Archive", ""},
		{"there already", "IA", 100, 60, 50, "", "young"},
		{"the next rung", "IA", 366, 60, 50, "all:Archive", ""},
		{"before the minimum time", "IA", 366, 60, 29, "", "charged for 30d at least"},
		{"on its last day", "IA", 366, 60, 30, "all:Archive", ""},
		{"nobody knows since when", "IA", 366, 60, 0, "", "no move of ours put it there"},
		{"at the end of the ladder", "Archive", 800, 60, 0, "", ""},
		{"colder than the ladder", "ColdArchive", 800, 60, 0, "", ""},
		{"in use", "Standard", 400, 30, 0, "", "needed: viewed 30d ago"},
		{"in use no more", "Standard", 400, 31, 0, "all:Archive", ""},
		{"back", "IA", 400, 3, 40, "all:Standard", ""},
		{"not back before the minimum time", "IA", 400, 3, 10, "", "charged for 30d at least"},
		{"views unknown", "Standard", 400, -1, 0, "", "doubt: last view unknown"},
		{"class unknown", "", 400, 60, 0, "", "doubt: its storage class is unknown"},
		{"a class of tomorrow", "DeepFreeze", 400, 60, 0, "", `"DeepFreeze" is not known here`},
		{"under way", "Changing", 400, 60, 0, "", "being changed"},
		{"its source under way", "SourceChanging", 400, 60, 0, "", "being changed"},
		{"its source is there, since nobody knows when", "SourceIA", 100, 60, 0, "all:IA", ""},
		{"its source is colder", "SourceArchive", 100, 60, 400, "", "colder than IA"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			at := retention.Inputs{Viewed: viewed(tc.view)}
			if tc.entered > 0 {
				at.Entered = entered(strings.TrimPrefix(tc.class, "Source"), tc.entered)
			}
			what, why := moves(p, stored(tc.class, tc.age), at)
			require.Equal(t, tc.want, what, why)
			require.Contains(t, why, tc.why)
		})
	}
}

// A run that finds a move done tells the end of the hour, which may lie ahead of a plan.
func TestAMoveOfThisHourIsNoUnknownOne(t *testing.T) {
	m := stored("IA", 400)
	at := retention.Inputs{Viewed: viewed(60), Now: rule.SampleTime, Entered: func(video.ID) (string, time.Time, bool) {
		return "IA", rule.SampleTime.Add(time.Minute), true
	}}
	v := policy(t, ladder).Moves().Judge(m, at)
	require.Empty(t, v.Items)
	require.Equal(t, rule.SampleTime, v.Entered)
	require.Equal(t, retention.Young, v.Keeps[0].Why)
}

func TestWhatForbidsAMove(t *testing.T) {
	p := policy(t, ladder)
	idle := retention.Inputs{Viewed: viewed(60)}
	for name, tc := range map[string]struct {
		change func(*video.Media)
		why    string
	}{
		"a hold":           {func(m *video.Media) { m.Tags = []string{"Ｋｅｅｐ"} }, "held"},
		"nearly a hold":    {func(m *video.Media) { m.Tags = []string{"hold_until:2027-01-01"} }, "doubt"},
		"disputed tags":    {func(m *video.Media) { m.Doubts = []string{"tags"} }, "doubt"},
		"not ready":        {func(m *video.Media) { m.Status = video.StatusTranscoding }, "may still change"},
		"no status":        {func(m *video.Media) { m.Status = "" }, "status unknown"},
		"a disputed state": {func(m *video.Media) { m.Doubts = []string{"status"} }, "status unknown"},
		"no upload time":   {func(m *video.Media) { m.Created = time.Time{} }, "upload time unknown"},
		"of the future":    {func(m *video.Media) { m.Created = rule.SampleTime.AddDate(0, 0, 1) }, "future"},
	} {
		m := stored("Standard", 400)
		tc.change(&m)
		what, why := moves(p, m, idle)
		require.Empty(t, what, name)
		require.Contains(t, why, tc.why, name)
	}
	held := stored("Standard", 400)
	held.Tags = []string{"keep"}
	what, why := moves(policy(t, strings.Replace(ladder, "tags: [keep]", "tags: [keep], move: true", 1)), held, idle)
	require.Equal(t, "all:Archive", what, why)
}

func TestOnlyASourceFileThatSomethingStandsInForIsArchived(t *testing.T) {
	p := policy(t, `rules: [{name: a, older_than: 30d, move: {to: Archive}}]`)
	what, why := moves(p, stored("Standard", 40), retention.Inputs{})
	require.Equal(t, "source:Archive", what, why)
	v := p.Moves().Judge(stored("Standard", 40), retention.Inputs{Now: rule.SampleTime})
	require.EqualValues(t, 4000, v.Items[0].Bytes, "the source file alone")
	for name, change := range map[string]func(*video.Media){
		"no stream":              func(m *video.Media) { m.Streams = []video.Stream{} },
		"streams not told":       func(m *video.Media) { m.Streams = nil },
		"a preview":              func(m *video.Media) { m.Streams[0].Duration = time.Second },
		"a poorer picture":       func(m *video.Media) { m.Streams[0].Width, m.Streams[0].Height = 640, 360 },
		"a stream is the source": func(m *video.Media) { m.Streams[0].Definition = "OD" },
		"it plays the source":    func(m *video.Media) { m.TranscodeMode = "NoTranscode" },
		"the source is gone":     func(m *video.Media) { m.Source.Status = "Deleted" },
		"the source not told":    func(m *video.Media) { m.Source = nil },
		"all of it is in IA":     func(m *video.Media) { m.StorageClass = "IA" },
		"it is there":            func(m *video.Media) { m.StorageClass = "SourceArchive" },
	} {
		m := stored("Standard", 40)
		change(&m)
		what, why := moves(p, m, retention.Inputs{})
		require.Empty(t, what, name+" "+why)
	}
	what, _ = moves(policy(t, `rules: [{name: a, older_than: 30d, move: {to: IA, scope: source}}]`), func() video.Media {
		m := stored("Standard", 40)
		m.Streams = []video.Stream{}
		return m
	}(), retention.Inputs{})
	require.Equal(t, "source:IA", what, "what is in IA plays at once")
}

func TestWhatIsRemovedIsNotMoved(t *testing.T) {
	p := policy(t, `
rules:
  - {name: gone, select: '"temp" in tags', older_than: 30d, remove: {video: true}}
  - {name: pictures, older_than: 30d, remove: {images: [NormalSnapshot]}}
  - {name: cool, older_than: 90d, move: {to: IA}}
`)
	m := stored("Standard", 100)
	m.Snapshots = []string{"https://x.example/a1/snapshots/normal/1.jpg"}
	what, why := moves(p, m, retention.Inputs{})
	require.Equal(t, "all:IA", what, why)
	m.Tags = []string{"temp"}
	what, why = moves(p, m, retention.Inputs{})
	require.Empty(t, what)
	require.Contains(t, why, `leaving: rule "gone" removes it`)
	require.Len(t, p.Judge(m, retention.Inputs{Now: rule.SampleTime}).Items, 1, "and the removal is as it was")
	m.Tags = nil
	what, why = moves(p, m, retention.Inputs{Leaving: func(video.ID) string { return "plan 7 removes it" }})
	require.Empty(t, what)
	require.Contains(t, why, "plan 7")
}

func TestTheTwoPoliciesOfAFileAreTwo(t *testing.T) {
	p := policy(t, "moves: {approve: within-guards, grace: 3d, guards: {count: 7}}\ngrace: 14d\nrules: [{name: r, older_than: 30d, move: {to: IA}}]")
	m := p.Moves()
	require.NotEqual(t, p.Hash, m.Hash)
	require.Equal(t, retention.Moving, m.Duty)
	require.Equal(t, 72*time.Hour, m.Grace)
	require.Equal(t, 14*24*time.Hour, p.Grace)
	require.Equal(t, 7, m.Guards.Count)
	require.True(t, m.SelfApproving)
	require.False(t, p.SelfApproving)
	require.Nil(t, m.Moves())
	require.Empty(t, p.Judge(stored("Standard", 400), retention.Inputs{Now: rule.SampleTime}).Items)
	require.NoError(t, m.CheckRegion("cn-shanghai"))
	require.ErrorContains(t, m.CheckRegion("cn-hangzhou"), "take the move rules out")
	require.NoError(t, p.CheckRegion("cn-hangzhou"))
	require.Nil(t, policy(t, anyOld+"{video: true}").Moves())
}

func TestMistakesInMovesAreNamedWithTheirPlace(t *testing.T) {
	for text, want := range map[string]string{
		"rules: [{name: r, older_than: 30d, move: {to: Ia}}]":                                                                                                         `"Ia" is not known here`,
		"rules: [{name: r, older_than: 30d, move: {to: Standard}}]":                                                                                                   "nothing gets colder",
		"rules: [{name: r, move: {to: IA}}]":                                                                                                                          "has no bound",
		"rules: [{name: r, older_than: 30d, move: {}}]":                                                                                                               "nothing is named to do",
		"rules: [{name: r, older_than: 30d, remove: {video: true}, move: {to: IA}}]":                                                                                  "remove and move in one rule",
		"rules: [{name: r, move: {ladder: [{older_than: 90d, to: IA}, {older_than: 30d, to: Archive, scope: all}]}}]":                                                 "no older than the one before",
		"rules: [{name: r, move: {ladder: [{older_than: 30d, to: Archive, scope: all}, {older_than: 90d, to: IA}]}}]":                                                 "IA is no colder than Archive",
		"rules: [{name: r, move: {ladder: [{older_than: 30d, to: IA}, {older_than: 90d, to: Archive}]}}]":                                                             "scope source behind scope all",
		"rules: [{name: r, older_than: 3d, move: {ladder: [{older_than: 30d, to: IA}]}}]":                                                                             "a ladder has its own ages",
		"rules: [{name: r, move: {ladder: [{to: IA}]}}]":                                                                                                              "a rung needs an age",
		"rules: [{name: r, older_than: 30d, move: {to: IA, in_use: 9d}}]":                                                                                             "known only with a usage file",
		"usage: u\nrules: [{name: r, older_than: 30d, move: {to: IA, restore: true}}]":                                                                                "restore needs to know what is in use",
		"usage: u\nrules: [{name: r, older_than: 30d, move: {to: IA, unlisted: idle}}]":                                                                               "unlisted goes with in_use",
		"usage: u\nrules: [{name: r, older_than: 30d, move: {to: IA, in_use: 9d, unlisted: never}}]":                                                                  `"never" is not known here`,
		"moves: {guards: {count: 0}}\nrules: [{name: r, older_than: 30d, move: {to: IA}}]":                                                                            "must be above 0",
		"moves: {grace: 3d}\nrules: [{name: r, select: '\"a\" in tags', older_than: 30d, remove: {video: true}}]":                                                     "moves goes with a rule that moves",
		"holds: {move: true}\nrules: [{name: r, select: '\"a\" in tags', older_than: 30d, remove: {video: true}}]":                                                    "holds.move goes with",
		"prices: {per_gb_month: {IA: -1}}\nrules: [{name: r, older_than: 30d, move: {to: IA}}]":                                                                       "a price below 0",
		"prices: {per_gb_month: {Ia: 1}}\nrules: [{name: r, older_than: 30d, move: {to: IA}}]":                                                                        `"Ia" is no storage class`,
		"prices: {retrieval_per_gb: {IA: .nan}}\nrules: [{name: r, older_than: 30d, move: {to: IA}}]":                                                                 `IA is written ".nan", want a number`,
		"prices: {per_gb_month: {IA: 1e308}}\nrules: [{name: r, older_than: 30d, move: {to: IA}}]":                                                                    `IA is written "1e308", want a number`,
		"prices: {per_gb_month: {IA: 0x8}}\nrules: [{name: r, older_than: 30d, move: {to: IA}}]":                                                                      "write plain digits",
		"moves: {guards: {count: 1.5}}\nrules: [{name: r, older_than: 30d, move: {to: IA}}]":                                                                          `count is written "1.5", want a whole number`,
		"moves: {guards: {count: yes}}\nrules: [{name: r, older_than: 30d, move: {to: IA}}]":                                                                          `count is a text, want a whole number`,
		"moves: {guards: {count: [1]}}\nrules: [{name: r, older_than: 30d, move: {to: IA}}]":                                                                          `count is a list, want a whole number`,
		"prices: {read: yesterday}\nrules: [{name: r, older_than: 30d, move: {to: IA}}]":                                                                              "is no date",
		"rules: [{name: r, older_than: 30d, move: {to: IA}}]\ntests: [{name: t, media: {storage: Standard, status: Normal, age_days: 40}, moves: [\"all:Archive\"]}]": `moves [all:IA], want [all:Archive]`,
		"rules: [{name: r, older_than: 30d, move: {to: IA}}]\ntests: [{name: t, media: {}}]":                                                                          "removes or moves",
	} {
		_, err := retention.Parse("p.yaml", []byte(text))
		require.ErrorContains(t, err, want, text)
	}
}

func TestAMoveToStandardIsOneMistake(t *testing.T) {
	for _, text := range []string{
		"quotas: [{name: q, above: 1GB, older_than: 30d, move: {to: Standard}}]",
		"rules: [{name: r, older_than: 30d, move: {to: Standard}}]",
		"rules: [{name: r, move: {ladder: [{older_than: 30d, to: Standard}, {older_than: 60d, to: IA}]}}]",
	} {
		_, err := retention.Parse("p.yaml", []byte(text))
		require.Equal(t, 1, strings.Count(err.Error(), "hint:"), err)
	}
}

func TestAQuotaMovesTheOldest(t *testing.T) {
	p := policy(t, `quotas: [{name: q, select: 'storage == "Standard"', above: 6kB, older_than: 30d, move: {to: IA}}]`).Moves()
	at := retention.Inputs{Now: rule.SampleTime}
	var tally retention.Tally
	var all []retention.Verdict
	for i, age := range []int{90, 60, 40, 10} {
		m := stored("Standard", age)
		m.ID = video.ID(string(rune('a' + i)))
		v := p.Judge(m, at)
		p.Add(&tally, m, at, v)
		all = append(all, v)
	}
	var got []string
	for _, v := range all {
		for _, i := range p.Settle(&tally, v).Items {
			got = append(got, string(i.ID)+" "+i.Part+":"+i.To)
		}
	}
	require.Equal(t, []string{"a all:IA", "b all:IA", "c all:IA"}, got, "20 kB are in Standard, 6 may be, and the fourth is too young")
}

// What becomes unreadable needs streams that stand in for it, in a quota as in a rule.
func TestAQuotaArchivesSourceFilesUnlessItSaysAll(t *testing.T) {
	const quota = "quotas: [{name: q, above: 1B, older_than: 30d, move: {to: %s}}]"
	at := retention.Inputs{Now: rule.SampleTime}
	plays, bare, whole := stored("Standard", 90), stored("Standard", 90), stored("IA", 90)
	bare.Streams = []video.Stream{}
	for to, want := range map[string][3]string{
		"Archive": {"source:Archive", "", ""}, "ColdArchive": {"source:ColdArchive", "", ""}, "IA, scope: source": {"source:IA", "source:IA", ""},
		"Archive, scope: all": {"all:Archive", "all:Archive", ""}, "IA": {"all:IA", "all:IA", ""},
	} {
		p := policy(t, fmt.Sprintf(quota, to)).Moves()
		for i, m := range []video.Media{plays, bare, whole} {
			var tally retention.Tally
			v := p.Judge(m, at)
			p.Add(&tally, m, at, v)
			v, got := p.Settle(&tally, v), ""
			for _, i := range v.Items {
				got += i.Part + ":" + i.To
			}
			require.Equal(t, want[i], got, "%s, asset %d: %v", to, i, v.Keeps)
			if i == 2 && !strings.HasPrefix(to, "IA") { // since when it is there nobody knows, or VOD tells one class only
				require.Equal(t, retention.Doubt, v.Keeps[0].Why, to)
				require.NotContains(t, v.Keeps[0].Reason, "limit 30d", to)
			}
		}
	}
}

func TestWhyAMoveWaitsIsToldAsItIs(t *testing.T) {
	at := retention.Inputs{Now: rule.SampleTime, Viewed: func(video.ID) (time.Time, bool) { return rule.SampleTime, true }}
	v := policy(t, "rules: [{name: r, older_than: 30d, move: {to: Archive, scope: all}}]").Moves().Judge(stored("IA", 90), at)
	require.Equal(t, retention.Doubt, v.Keeps[0].Why, "nobody knows since when, and it is not young for that")
	v = policy(t, "usage: u.csv\nrules: [{name: r, move: {in_use: 30d, restore: true}}]").Moves().Judge(stored("SourceArchive", 90), at)
	require.Empty(t, v.Items)
	require.Contains(t, v.Keeps[0].Reason, "its source file alone is in Archive and stays there")
}

func TestPricesAreAskedForWhatTheyMean(t *testing.T) {
	const rest = "\nrules: [{name: r, older_than: 30d, move: {to: IA}}]"
	for want, prices := range map[string]string{
		`"" is no currency`:    "{per_gb_month: {IA: 1}}",
		`"cny" is no currency`: "{currency: cny, per_10000_moves: {IA: 1}}",
		`"¥" is no currency`:   "{currency: ¥, retrieval_per_gb: {IA: 1}}",
		"of the years 2000":    "{read: 2569-01-01}",
	} {
		_, err := retention.Parse("p.yaml", []byte("prices: "+prices+rest))
		require.ErrorContains(t, err, want)
	}
	p := policy(t, "prices: {currency: CNY, read: 2026-01-01, per_gb_month: {Standard: 0.12, IA: 0.3, Archive: 0.2, ColdArchive: 0.01}}"+rest)
	warnings := strings.Join(p.Warnings(), "\n")
	require.Contains(t, warnings, "Standard costs 0.12 and IA 0.3: what moves to the colder class costs more")
	require.Contains(t, warnings, "Standard costs 0.12 and Archive 0.2")
	require.NotContains(t, warnings, "ColdArchive")
	for at, want := range map[string]string{"2025-12-30": "lies in the future", "2025-12-31": "", "2026-12-31": "", "2027-01-03": "more than a year ago"} {
		now, err := time.Parse(time.DateOnly, at)
		require.NoError(t, err)
		mistake, warning := p.Prices.CheckAge(now.Add(11 * time.Hour))
		require.Contains(t, mistake+warning, want, at)
		require.Equal(t, want == "", mistake+warning == "", at)
	}
	_, err := retention.Parse("p.yaml", []byte("rules: [{name: r, older_than: 30d, move: {to: Archive, source: {good_streams: 0}}}]"))
	require.ErrorContains(t, err, "is below 1")
	for _, number := range []string{"media: {size: -1}", "class_days: -1", "viewed_days: 200000", "media: {age_days: -3}", "media: {streams: [{height: -1}]}", "media: {streams: [{age_days: 1000000000}]}"} {
		_, err := retention.Parse("p.yaml", []byte(rest[1:]+"\ntests: [{name: t, moves: [], "+number+"}]"))
		require.ErrorContains(t, err, "below 0", number)
	}
}

func TestMoney(t *testing.T) {
	prices := retention.Prices{PerGB: map[string]float64{"Standard": 0.12, "IA": 0.08, "Archive": 0.03}, Retrieval: map[string]float64{"IA": 0.03}, PerMove: map[string]float64{"Standard": 0, "IA": 0.1}}
	const days = 24 * time.Hour
	move := func(part, to string) retention.Item {
		return retention.Item{Kind: retention.Move, Part: part, To: to, Bytes: 10e9}
	}
	for name, tc := range map[string]struct {
		item                  retention.Item
		class                 string
		since                 time.Duration
		month, early, fetched float64
	}{
		"a removal":                        {retention.Item{Kind: retention.Whole, Bytes: 10e9}, "", 0, 1.2, 0, 0},
		"a removal out of Archive":         {retention.Item{Kind: retention.Whole, Bytes: 10e9}, "Archive", 15 * days, 0.3, 0.225 * 2, 0},
		"after its minimum time":           {retention.Item{Kind: retention.Whole, Bytes: 10e9}, "Archive", 60 * days, 0.3, 0, 0},
		"a source in Archive":              {retention.Item{Kind: retention.Source, Bytes: 10e9}, "SourceArchive", 90 * days, 0.3, 0, 0},
		"a stream of such an asset":        {retention.Item{Kind: retention.Stream, Bytes: 10e9}, "SourceArchive", 90 * days, 1.2, 0, 0},
		"an empty file":                    {retention.Item{Kind: retention.Whole}, "", 0, 0, 0, 0},
		"down":                             {move("all", "IA"), "Standard", -1, 0.4, 0, 0},
		"up again costs more every month":  {move("all", "Standard"), "IA", 30 * days, -0.4, 0, 0.3},
		"up early":                         {move("all", "Standard"), "IA", 15 * days, -0.4, 0.4, 0.3},
		"up, and nobody knows since when":  {move("all", "Standard"), "IA", -1, -0.4, 0.8, 0.3},
		"the source of an asset in pieces": {move("source", "IA"), "Standard", -1, 0.4, 0, 0},
	} {
		m := prices.Of(tc.item, tc.class, tc.since)
		require.Zero(t, m.Unpriced, name)
		require.InDelta(t, tc.month, m.Month, 1e-9, name)
		require.InDelta(t, tc.early, m.Early, 1e-9, name)
		require.InDelta(t, tc.fetched, m.Retrieval, 1e-9, name)
	}
	for name, m := range map[string]retention.Money{
		"no price of where it is":   prices.Of(retention.Item{Kind: retention.Whole, Bytes: 1}, "ColdArchive", 0),
		"no price of where it goes": prices.Of(move("all", "ColdArchive"), "", 0),
		"no price of its moves":     prices.Of(move("all", "Archive"), "", 0),
		"no price of its retrieval": prices.Of(move("all", "Standard"), "Archive", 0),
		"no size":                   prices.Of(retention.Item{Kind: retention.Whole, Bytes: retention.Unknown}, "", 0),
		"in two classes":            prices.Of(retention.Item{Kind: retention.Whole, Bytes: 1}, "SourceArchive", 0),
		"no prices at all":          retention.Prices{}.Of(move("all", "IA"), "", 0),
	} {
		want := retention.Money{Unpriced: 1}
		if name == "in two classes" {
			want.Split = 1
		}
		require.Equal(t, want, m, name)
	}
	require.Equal(t, retention.Money{Unpriced: 1}, retention.Prices{PerGB: prices.PerGB}.Of(move("all", "IA"), "", 0), "no price of any move is not a price of 0")
	days60, ok := retention.Money{Month: 0.5, Early: 0.8, Moves: 0.2}.PayBack()
	require.True(t, ok)
	require.InDelta(t, 60, days60, 1e-9)
	for _, never := range []retention.Money{{Month: -1, Retrieval: 1}, {Month: -1}, {Month: 1, Early: 1, Unpriced: 1}, {Early: 1}} {
		_, ok = never.PayBack()
		require.False(t, ok)
	}
}
