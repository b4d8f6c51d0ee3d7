package retention_test

import (
	"encoding/json"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"vodcurator/shared/decide/retention"
	"vodcurator/shared/video"
)

// settled judges a whole library and settles it, as planning does.
func settled(t require.TestingT, p *retention.Policy, all ...video.Media) (going map[video.ID]string, keeps map[video.ID]retention.Keep) {
	at := retention.Inputs{Now: now}
	var tally retention.Tally
	var verdicts []retention.Verdict
	for _, m := range all {
		v := p.Judge(m, at)
		p.Add(&tally, m, at, v)
		verdicts = append(verdicts, v)
	}
	// Counting may go on in another process.
	text, err := json.Marshal(tally)
	require.NoError(t, err)
	tally = retention.Tally{}
	require.NoError(t, json.Unmarshal(text, &tally))
	require.Equal(t, len(all), tally.Media)
	sum := int64(0)
	for _, m := range all {
		sum += max(retention.Size(m), 0)
	}
	require.Equal(t, sum, tally.Bytes)
	slices.SortFunc(verdicts, retention.Order)
	going, keeps = map[video.ID]string{}, map[video.ID]retention.Keep{}
	for _, v := range verdicts {
		v = p.Settle(&tally, v)
		require.Empty(t, v.Claims)
		for _, i := range v.Items {
			going[i.ID] += i.Rule
		}
		if len(v.Keeps) > 0 {
			keeps[v.ID] = v.Keeps[len(v.Keeps)-1]
		}
	}
	return going, keeps
}

func aged(id string, days int, category, size int64, tags ...string) video.Media {
	return video.Media{
		Video: video.Video{ID: video.ID(id), Kind: video.KindVideo, Status: video.StatusNormal, Created: ago(days), Category: category, Size: size,
			Duration: time.Minute, Tags: tags},
		Source:  &video.Source{Status: "Normal", Size: size, Duration: time.Minute, Width: 1280, Height: 720},
		Streams: []video.Stream{},
	}
}

const oldTemp = "\nrules:\n  - {name: r, select: '\"temp\" in tags', older_than: 30d, remove: {video: true}}"

func TestTheNewestOfEachCategoryStay(t *testing.T) {
	p := policy(t, "keep:\n  - {name: last two, newest: 2, per: category}"+oldTemp)
	going, keeps := settled(t, p,
		aged("a", 50, 1, 1, "temp"), aged("b", 60, 1, 1, "temp"), aged("c", 70, 1, 1, "temp"), aged("d", 70, 1, 1, "temp"),
		aged("e", 90, 2, 1, "temp"), aged("f", 10, 2, 1), aged("g", 20, 2, 1),
		aged("h", 500, 3, 1, "temp"))
	require.Equal(t, map[video.ID]string{"c": "r", "d": "r", "e": "r"}, going)
	require.Equal(t, retention.Protected, keeps["a"].Why)
	require.Equal(t, "among the newest 2 of its category", keeps["b"].Reason)
	require.Equal(t, "last two", keeps["h"].Rule)
}

func TestWhatStaysForAGroupIsToldAndMustGoOnToMatch(t *testing.T) {
	p := policy(t, "keep:\n  - {name: short, within: 1d}\n  - {name: k, newest: 2, per: category, select: 'age_days < 95'}"+oldTemp)
	all := []video.Media{
		aged("a", 70, 1, 1, "temp"), aged("c", 60, 1, 1), aged("b", 50, 1, 1), aged("d", 50, 2, 1), aged("e", 96, 1, 1, "temp")}
	at := retention.Inputs{Now: now}
	var tally retention.Tally
	for _, m := range all {
		p.Add(&tally, m, at, p.Judge(m, at))
	}
	g := retention.Group{Rule: 1, Key: "1"}
	require.Equal(t, []retention.Group{g}, p.Settle(&tally, p.Judge(all[0], at)).Newest)
	require.Empty(t, p.Settle(&tally, p.Judge(all[4], at)).Newest, "no rule keeps it, so nobody stands for it")
	require.Equal(t, []retention.Survivor{{Group: g, Media: []video.ID{"b", "c"}}}, tally.Survivors(map[retention.Group]bool{g: true}))
	other := retention.Group{Rule: 1, Key: "2"}
	require.Equal(t, []retention.Survivor{{g, []video.ID{"b", "c"}}, {other, []video.ID{"d"}}}, tally.Survivors(map[retention.Group]bool{other: true, g: true}))

	require.True(t, p.Survives(g, aged("c", 50, 1, 1), at))
	require.False(t, p.Survives(g, aged("c", 50, 2, 1), at), "it moved to another category")
	require.False(t, p.Survives(g, aged("c", 96, 1, 1), at), "the rule covers it no more")
	require.False(t, policy(t, "keep:\n  - {name: k, newest: 1, select: 'fps > 1'}"+oldTemp).Survives(retention.Group{}, aged("c", 50, 1, 1), at), "nobody can tell")
}

func TestTheNewestOfTheLibraryStay(t *testing.T) {
	p := policy(t, "keep:\n  - {name: k, newest: 1, select: '\"temp\" in tags'}"+oldTemp)
	going, _ := settled(t, p, aged("a", 50, 1, 1, "temp"), aged("b", 60, 2, 1, "temp"), aged("c", 1, 2, 1))
	require.Equal(t, map[video.ID]string{"b": "r"}, going)
	undated := aged("z", 0, 1, 1, "temp")
	undated.Created = time.Time{}
	_, keeps := settled(t, policy(t, "keep:\n  - {name: k, newest: 1}\nrules:\n  - {name: r, unsafe: true, select: '\"temp\" in tags', remove: {video: true}}"), undated, aged("y", 1, 1, 1, "temp"))
	require.Contains(t, keeps["z"].Reason, "may be among the newest")
}

func TestOfOneSecondTheHigherIDCountsAsNewer(t *testing.T) {
	p := policy(t, "keep:\n  - {name: k, newest: 1}"+oldTemp)
	a, b := aged("a", 50, 1, 1, "temp"), aged("b", 50, 1, 1, "temp")
	for _, all := range [][]video.Media{{a, b}, {b, a}} {
		going, _ := settled(t, p, all...)
		require.Equal(t, map[video.ID]string{"a": "r"}, going)
	}
}

func TestAQuotaTakesTheOldestFirstUntilItIsMet(t *testing.T) {
	p := policy(t, "quotas:\n  - {name: q, above: 1000B, older_than: 30d, select: '\"temp\" in tags'}")
	going, keeps := settled(t, p,
		aged("a", 90, 1, 400, "temp"), aged("b", 80, 1, 400, "temp"), aged("c", 70, 1, 400, "temp"), aged("d", 10, 1, 400, "temp"),
		aged("other", 900, 1, 9000))
	require.Equal(t, map[video.ID]string{"a": "q", "b": "q"}, going)
	var tally retention.Tally
	first := p.Judge(aged("a", 90, 1, 1400, "temp"), retention.Inputs{Now: now})
	p.Add(&tally, aged("a", 90, 1, 1400, "temp"), retention.Inputs{Now: now}, first)
	require.Equal(t, "90d since upload, limit 30d; 1400 bytes counted, 1000 allowed", p.Settle(&tally, first).Items[0].Reason)
	require.Equal(t, retention.InQuota, keeps["c"].Why)
	require.Equal(t, "800 bytes are left, 1000 allowed", keeps["c"].Reason)

	going, _ = settled(t, p, aged("a", 90, 1, 600, "temp"), aged("b", 80, 1, 400, "temp"))
	require.Empty(t, going, "at its limit a quota is met")
	going, keeps = settled(t, p, aged("a", 30, 1, 600, "temp"), aged("b", 20, 1, 600, "temp"))
	require.Empty(t, going, "under the age nothing goes, full or not")
	require.Equal(t, retention.Young, keeps["a"].Why)
}

func TestAQuotaKnowsWhatIsHeldWhatIsUnknownAndWhatRulesTake(t *testing.T) {
	p := policy(t, "holds: {tags: [keep]}\nquotas:\n  - {name: q, above: 1000B, older_than: 30d}"+oldTemp)
	going, keeps := settled(t, p,
		aged("held", 99, 1, 900, "keep"), aged("unknown", 98, 1, 0), aged("a", 97, 1, 600), aged("b", 96, 1, 600, "temp"), aged("c", 95, 1, 400))
	require.Equal(t, map[video.ID]string{"b": "r"}, going, "what a rule takes makes room: 600 and 400 are left")
	require.Equal(t, retention.Held, keeps["held"].Why)
	require.Contains(t, keeps["unknown"].Reason, "its size is unknown")

	parts := "\nrules:\n  - {name: s, select: '\"parts\" in tags', older_than: 30d, remove: {streams: {height_below: 400}}}"
	p = policy(t, "quotas:\n  - {name: q, above: 700B, older_than: 30d}"+parts)
	m := aged("m", 97, 1, 300, "parts")
	m.Streams = []video.Stream{stream("x", "LD", 300, 300), stream("y", "HD", 720, 300)}
	going, _ = settled(t, p, m)
	require.Equal(t, map[video.ID]string{"m": "s"}, going, "900 less the stream is under the quota")
	going, _ = settled(t, p, m, aged("n", 10, 1, 200))
	require.Equal(t, map[video.ID]string{"m": "q"}, going, "800 is not, and the whole takes the stream along")
	going, _ = settled(t, p, m, aged("n", 50, 1, 200))
	require.Equal(t, map[video.ID]string{"m": "q"}, going, "and its 600 make room enough")
	going, _ = settled(t, p, m, aged("n", 50, 1, 701))
	require.Equal(t, map[video.ID]string{"m": "q", "n": "q"}, going)
}

func TestTwoQuotasCountWhatTheOtherTook(t *testing.T) {
	p := policy(t, "quotas:\n  - {name: all, above: 1000B, older_than: 30d}\n  - {name: temps, above: 300B, older_than: 30d, select: '\"temp\" in tags'}")
	going, _ := settled(t, p, aged("a", 90, 1, 400, "temp"), aged("b", 80, 1, 400, "temp"), aged("c", 70, 1, 400))
	require.Equal(t, map[video.ID]string{"a": "all", "b": "temps"}, going)
}

func TestAQuotaWithAnUnknownFactKeeps(t *testing.T) {
	p := policy(t, "quotas:\n  - {name: q, above: 1B, older_than: 30d, select: 'fps > 10'}")
	going, keeps := settled(t, p, aged("a", 90, 1, 400))
	require.Empty(t, going)
	require.Contains(t, keeps["a"].Reason, "fps unknown")
	m := aged("a", 0, 1, 400)
	m.Created = time.Time{}
	going, keeps = settled(t, policy(t, "quotas:\n  - {name: q, above: 1B, older_than: 30d}"), m)
	require.Empty(t, going)
	require.Contains(t, keeps["a"].Reason, "upload time unknown")
}

// The order in which a library is counted does not change what goes, and a quota
// never takes more than it must.
func TestLibraryLaws(t *testing.T) {
	p := policy(t, "keep:\n  - {name: k, newest: 2, per: category}\nquotas:\n  - {name: q, above: 1000B, older_than: 30d}"+oldTemp)
	rapid.Check(t, func(t *rapid.T) {
		var all []video.Media
		for i := range rapid.IntRange(1, 20).Draw(t, "n") {
			m := aged(fmt.Sprintf("m%02d", i), rapid.IntRange(0, 60).Draw(t, "age"), rapid.Int64Range(1, 3).Draw(t, "category"), rapid.Int64Range(0, 400).Draw(t, "size"))
			m.Tags = rapid.SampledFrom([][]string{nil, {"temp"}}).Draw(t, "tags")
			all = append(all, m)
		}
		going, _ := settled(t, p, all...)
		again, _ := settled(t, p, rapid.Permutation(all).Draw(t, "order")...)
		require.Equal(t, going, again)
		left := int64(0)
		for _, m := range all {
			if going[m.ID] == "" {
				left += m.Size
			}
		}
		for _, m := range all {
			if going[m.ID] == "q" {
				require.Greater(t, left+400, int64(1000), "room was needed when the last one went")
				break
			}
		}
	})
}
