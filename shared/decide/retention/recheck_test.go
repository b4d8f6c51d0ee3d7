package retention_test

import (
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"vodcurator/shared/decide/retention"
	"vodcurator/shared/video"
)

func TestWhetherAnItemIsThereIsWhatTheLibraryTells(t *testing.T) {
	gone := &video.Source{Status: "Deleted"}
	whole, source := retention.Item{ID: "a1", Kind: retention.Whole}, retention.Item{ID: "a1", Kind: retention.Source}
	ld, pictures := retention.Item{ID: "a1", Kind: retention.Stream, Part: "ld"}, retention.Item{ID: "a1", Kind: retention.Images, Part: "NormalSnapshot"}
	m := old()
	without := func(change func(*video.Media)) video.Media { m := old(); change(&m); return m }
	for name, tc := range map[string]struct {
		item retention.Item
		m    video.Media
		err  error
		want retention.Presence
	}{
		"the asset":                       {whole, m, nil, retention.Present},
		"no asset":                        {whole, video.Media{}, video.ErrNotFound, retention.Absent},
		"no asset, so no stream":          {ld, video.Media{}, video.ErrNotFound, retention.Absent},
		"no asset, so no pictures":        {pictures, video.Media{}, video.ErrNotFound, retention.Absent},
		"no answer":                       {whole, video.Media{}, video.ErrThrottled, retention.Untold},
		"no answer about a stream":        {ld, m, video.ErrForbidden, retention.Untold},
		"a stream":                        {ld, m, nil, retention.Present},
		"another stream":                  {ld, without(func(m *video.Media) { m.Streams = m.Streams[1:] }), nil, retention.Absent},
		"no streams":                      {ld, without(func(m *video.Media) { m.Streams = []video.Stream{} }), nil, retention.Absent},
		"streams that were not told":      {ld, without(func(m *video.Media) { m.Streams = nil }), nil, retention.Untold},
		"a source":                        {source, m, nil, retention.Present},
		"a source that is gone":           {source, without(func(m *video.Media) { m.Source = gone }), nil, retention.Absent},
		"a source that was not told":      {source, without(func(m *video.Media) { m.Source = nil }), nil, retention.Untold},
		"pictures, which nobody tells of": {pictures, m, nil, retention.Untold},
	} {
		t.Run(name, func(t *testing.T) {
			f := retention.Look(tc.item, video.Answer[video.Media]{ID: "a1", Value: tc.m, Err: tc.err})
			require.Equal(t, tc.want, f.Presence)
			require.Equal(t, tc.item, f.Item)
			require.Equal(t, tc.err, f.Err)
			require.False(t, f.Judged)
		})
	}
}

// rechecked is one item of a plan, and what the asset is like now.
type rechecked struct {
	policy  string
	plan    func(*retention.Verdict)
	change  func(*video.Media)
	fresh   func(*retention.Fresh)
	err     error
	keep    string // part of the reason; empty: it may go
	unasked bool
}

func TestWhatMayGoIsAskedAgain(t *testing.T) {
	const hold = "holds: {tags: [keep]}" + oldTemp
	const parts = anyOld + "{streams: {definition: [LD]}}"
	const newest = "keep:\n  - {name: newest, newest: 1, per: category}" + oldTemp
	const quota = "quotas:\n  - {name: room, above: 1KB, older_than: 30d}"
	group := retention.Group{Rule: 0, Key: "7"}
	left := func(why string, told bool) func(*retention.Fresh) {
		return func(f *retention.Fresh) { f.Left = func(retention.Group) (string, bool) { return why, told } }
	}
	touched := func(part string) func(*retention.Fresh) { // by our calls, among them one for a part
		return func(f *retention.Fresh) {
			f.Touched = ago(1)
			f.Called = func(kind retention.Kind, name string) bool {
				return kind == retention.Source && part == "source" && name == "" || kind == retention.Stream && part != "source" && name == part
			}
		}
	}
	for name, tc := range map[string]rechecked{
		"as it was planned":            {policy: hold},
		"a tag more":                   {policy: hold, change: func(m *video.Media) { m.Tags = append(m.Tags, "new") }, keep: "changed since the plan"},
		"a hold":                       {policy: hold, change: func(m *video.Media) { m.Tags = append(m.Tags, "keep") }, keep: `tag "keep" holds`},
		"a plan that saw nothing":      {policy: hold, plan: func(v *retention.Verdict) { v.Seen = "" }, keep: "changed since the plan"},
		"another asset":                {policy: hold, change: func(m *video.Media) { m.ID = "b1" }, keep: "got an answer about b1"},
		"modified since":               {policy: hold, change: func(m *video.Media) { m.Modified = ago(1) }, keep: "after the plan"},
		"modified before":              {policy: hold, change: func(m *video.Media) { m.Modified = ago(60) }, keep: "after the plan"},
		"modified by our own call":     {policy: parts, change: func(m *video.Media) { m.Modified = ago(1) }, fresh: func(f *retention.Fresh) { f.Touched = ago(1) }},
		"a stream goes by our call":    {policy: parts, change: func(m *video.Media) { m.Modified = ago(1); m.Streams = slices.Delete(m.Streams, 1, 2) }, fresh: touched("sd")},
		"a stream goes by another's":   {policy: parts, change: func(m *video.Media) { m.Modified = ago(1); m.Streams = slices.Delete(m.Streams, 1, 2) }, fresh: touched(""), keep: "not what the plan saw"},
		"goes by nobody knows whose":   {policy: parts, change: func(m *video.Media) { m.Modified = ago(1); m.Streams = slices.Delete(m.Streams, 1, 2) }, fresh: func(f *retention.Fresh) { f.Touched = ago(1) }, keep: "not what the plan saw"},
		"a stream comes":               {policy: parts, change: func(m *video.Media) { m.Modified = ago(1); m.Streams = append(m.Streams, video.Stream{Job: "new"}) }, fresh: touched("sd"), keep: "not what the plan saw"},
		"a stream breaks":              {policy: parts, change: func(m *video.Media) { m.Modified = ago(1); m.Streams[1].Duration = 0 }, fresh: touched("sd"), keep: "not what the plan saw"},
		"a stream breaks, untold when": {policy: parts, change: func(m *video.Media) { m.Streams[1].Duration = 0 }},
		"the source goes by our call":  {policy: parts, change: func(m *video.Media) { m.Modified = ago(1); m.Source = &video.Source{Status: "Deleted"} }, fresh: touched("source")},
		"the source goes by another's": {policy: parts, change: func(m *video.Media) { m.Modified = ago(1); m.Source = &video.Source{Status: "Deleted"} }, fresh: touched("sd"), keep: "not what the plan saw"},
		"the source is another":        {policy: parts, change: func(m *video.Media) { m.Modified = ago(1); s := *m.Source; s.Size++; m.Source = &s }, fresh: touched("source"), keep: "not what the plan saw"},
		"a plan without fingerprints":  {policy: parts, plan: func(v *retention.Verdict) { v.Parts = nil }, change: func(m *video.Media) { m.Modified = ago(1) }, fresh: touched("sd"), keep: "not what the plan saw"},
		"a call for the whole":         {policy: hold, change: func(m *video.Media) { m.Modified = ago(1) }, fresh: func(f *retention.Fresh) { f.Touched = ago(1) }, keep: "after the plan"},
		"the same without any part": {policy: hold, change: func(m *video.Media) {
			m.Modified = ago(1)
			m.Streams = []video.Stream{}
			m.Source = &video.Source{Status: "Deleted"}
		}, fresh: func(f *retention.Fresh) { f.Touched = ago(1) }, keep: "modified"},
		"and later":                    {policy: parts, change: func(m *video.Media) { m.Modified = ago(1).Add(time.Second) }, fresh: func(f *retention.Fresh) { f.Touched = ago(1) }, keep: "after the plan"},
		"its time is not told":         {policy: hold, change: func(m *video.Media) { m.Modified = time.Time{} }, keep: "does not tell any more when it was modified"},
		"nor was it when planned":      {policy: hold, plan: func(v *retention.Verdict) { v.Modified = time.Time{} }, change: func(m *video.Media) { m.Modified = time.Time{} }},
		"of the application":           {policy: hold, plan: func(v *retention.Verdict) {}, fresh: func(f *retention.Fresh) { f.App = "app" }, keep: "does not tell its application"},
		"another rule takes it":        {policy: hold, plan: func(v *retention.Verdict) { v.Items[0].Rule = "other" }, keep: "its rule takes it no more"},
		"another size":                 {policy: hold, plan: func(v *retention.Verdict) { v.Items[0].Bytes++ }, keep: "its size changed from"},
		"an answer of another kind":    {policy: hold, err: video.ErrForbidden, unasked: true},
		"gone":                         {policy: hold, err: video.ErrNotFound, unasked: true},
		"the newest are there":         {policy: newest, plan: func(v *retention.Verdict) { v.Newest = []retention.Group{group} }, fresh: left("", true)},
		"one of the newest is gone":    {policy: newest, plan: func(v *retention.Verdict) { v.Newest = []retention.Group{group} }, fresh: left("b is gone", true), keep: "b is gone"},
		"the newest are not told":      {policy: newest, plan: func(v *retention.Verdict) { v.Newest = []retention.Group{group} }, fresh: left("", false), keep: "does not tell what stays"},
		"nobody asked for the newest":  {policy: newest, plan: func(v *retention.Verdict) { v.Newest = []retention.Group{group} }, keep: "does not tell what stays"},
		"a group the plan had not":     {policy: newest, plan: func(v *retention.Verdict) { v.Newest = nil }, fresh: left("", true), keep: "does not tell what stays"},
		"a quota that counts it still": {policy: quota, fresh: func(f *retention.Fresh) { f.Quota = func(retention.Item) string { return "" } }},
		"a quota that is met":          {policy: quota, fresh: func(f *retention.Fresh) { f.Quota = func(retention.Item) string { return "this plan" } }, keep: "a quota takes nothing by this plan"},
		"a quota nobody counted":       {policy: quota, keep: "nobody counted again"},
		"young for the quota":          {policy: quota, change: func(m *video.Media) {}, fresh: func(f *retention.Fresh) { f.Inputs.Now = ago(80); f.Quota = func(retention.Item) string { return "" } }, keep: "its rule takes it no more"},
	} {
		t.Run(name, func(t *testing.T) {
			p := policy(t, tc.policy)
			m := old()
			planned := p.Judge(m, retention.Inputs{Now: now})
			if planned.Items == nil { // a quota takes it once the library is counted
				require.Len(t, planned.Claims, 1)
				planned.Items, planned.Claims = []retention.Item{planned.Claims[0].Item}, nil
			}
			planned.Items = planned.Items[:1:1]
			if tc.plan != nil {
				tc.plan(&planned)
			}
			if tc.change != nil {
				tc.change(&m)
			}
			fresh := retention.Fresh{Answer: video.Answer[video.Media]{ID: "a1", Value: m, Err: tc.err}, Inputs: retention.Inputs{Now: now}}
			if tc.fresh != nil {
				tc.fresh(&fresh)
			}
			found := p.Recheck(planned, fresh)
			require.Len(t, found, 1)
			require.Equal(t, planned.Items[0], found[0].Item)
			require.Equal(t, !tc.unasked, found[0].Judged)
			if tc.keep == "" {
				require.Empty(t, found[0].Keep)
				return
			}
			require.Contains(t, found[0].Keep, tc.keep)
			if name == "a hold" {
				require.NotContains(t, found[0].Keep, "changed since the plan", "the hold is the better reason")
			}
		})
	}
}

func TestOnlyAPlanOfPartsKnowsThem(t *testing.T) {
	at := retention.Inputs{Now: now}
	require.Len(t, policy(t, anyOld+"{streams: {definition: [LD]}}").Judge(old(), at).Parts, 4, "three streams and the source")
	require.Empty(t, policy(t, oldTemp).Judge(old(), at).Parts)
	elsewhere, source := old(), *old().Source
	for i := range elsewhere.Streams {
		elsewhere.Streams[i].Created = time.Unix(1_700_000_000, 0).In(time.FixedZone("", 3600))
	}
	source.Created = time.Unix(1_700_000_000, 0).In(time.FixedZone("", 3600))
	elsewhere.Source = &source
	here, same := elsewhere, source
	here.Streams = slices.Clone(elsewhere.Streams)
	for i := range here.Streams {
		here.Streams[i].Created = here.Streams[i].Created.UTC()
	}
	same.Created = source.Created.UTC()
	here.Source = &same
	p := policy(t, anyOld+"{streams: {definition: [LD]}}")
	require.Equal(t, p.Judge(here, at).Parts, p.Judge(elsewhere, at).Parts, "a time in another zone is the same time")
	require.Empty(t, policy(t, "holds: {tags: [temp]}\n"+anyOld+"{streams: {definition: [LD]}}").Judge(old(), at).Parts, "nothing goes")
}

func TestAnAssetOfAnotherApplicationStays(t *testing.T) {
	p := policy(t, oldTemp)
	m := old()
	m.App = "app"
	planned := p.Judge(m, retention.Inputs{Now: now})
	for app, keep := range map[string]string{"": "", "app": "", "other": `it is of application "app"`} {
		found := p.Recheck(planned, retention.Fresh{Answer: video.Answer[video.Media]{ID: "a1", Value: m}, Inputs: retention.Inputs{Now: now}, App: app})
		require.Equal(t, keep, found[0].Keep, app)
	}
}
