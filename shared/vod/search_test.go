package vod_test

import (
	"cmp"
	"fmt"
	"net/http"
	"regexp"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"vodcurator/shared/video"
)

var start = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)

// library answers searches and lists over media that the test may change
// between two pages. Both bounds of a list are exclusive here.
type library struct {
	created map[string]time.Time
	tags    map[string]string

	scroll   bool     // videos can be scrolled
	order    []string // as the search found them
	expires  int      // the token of that call
	scrolled int
}

var timeRange = regexp.MustCompile(`CreationTime=[[(](?:'([^']*)')?,(?:'([^']*)')?[])]`)

func (l *library) answer(r request) (int, string) {
	from, to := r.params.Get("StartTime"), r.params.Get("EndTime")
	inclusive := false
	if m := timeRange.FindStringSubmatch(r.params.Get("Match")); m != nil {
		from, to, inclusive = m[1], m[2], true
	}
	var hits []string
	for id, at := range l.created {
		text := at.Format(time.RFC3339)
		if (from == "" || text > from || inclusive && text == from) && (to == "" || text < to || inclusive && text == to) {
			hits = append(hits, id)
		}
	}
	slices.SortFunc(hits, func(a, b string) int { return cmp.Or(l.created[b].Compare(l.created[a]), cmp.Compare(a, b)) })
	if r.params.Get("SortBy") == "CreationTime:Asc" {
		slices.Reverse(hits)
	}
	total := len(hits)
	page, _ := strconv.Atoi(r.params.Get("PageNo"))
	size, _ := strconv.Atoi(r.params.Get("PageSize"))
	all := hits
	hits = hits[min(total, (page-1)*size):min(total, page*size)]
	token := ""
	if l.scroll && r.op == "SearchMedia" && r.params.Get("SearchType") != "image" { // goes on behind the last hit of the page before
		if before := r.params.Get("ScrollToken"); page > 1 {
			if l.expires--; l.expires == 0 {
				return refuse(http.StatusBadRequest, "InvalidScrollToken.Expired")
			}
			at, _ := strconv.Atoi(before)
			l.scrolled++
			hits = l.order[min(at, len(l.order)):min(at+size, len(l.order))]
			token = strconv.Itoa(at + size)
		} else {
			l.order = all
			token = strconv.Itoa(size)
		}
	}
	list := []map[string]any{}
	for _, id := range hits {
		fields := map[string]any{"VideoId": id, "ImageId": id, "Tags": l.tags[id], "CreationTime": l.created[id].Format(time.RFC3339)}
		if r.op == "GetVideoList" {
			list = append(list, fields)
		} else {
			list = append(list, map[string]any{"MediaId": id, "MediaType": r.params.Get("SearchType"), "CreationTime": fields["CreationTime"], "Video": fields, "Image": fields})
		}
	}
	if r.op == "GetVideoList" {
		return ok(map[string]any{"Total": total, "VideoList": map[string]any{"Video": list}})
	}
	return ok(map[string]any{"Total": total, "MediaList": list, "ScrollToken": token})
}

func bulk(n, perSecond int) *library {
	l := &library{created: map[string]time.Time{}, tags: map[string]string{}}
	for i := range n {
		l.created[fmt.Sprintf("m%05d", i)] = start.Add(time.Duration(i/perSecond) * time.Second)
	}
	return l
}

func TestTraversalsYieldEverythingOnce(t *testing.T) {
	for name, l := range map[string]*library{"none": bulk(0, 1), "one a second": bulk(250, 1), "150 a second": bulk(700, 150), "all in one second": bulk(450, 450)} {
		for _, q := range []video.Query{{}, {OldestFirst: true}, {Kind: video.KindImage}} {
			t.Run(fmt.Sprintf("%s, %+v", name, q), func(t *testing.T) {
				c := serve(t, l.answer).client(t)
				seen := map[video.ID]int{}
				for f, err := range c.Search(t.Context(), q) {
					require.NoError(t, err)
					seen[f.Video.ID+f.Image.ID]++
				}
				require.Len(t, seen, len(l.created))
				if q.Kind == video.KindImage {
					return
				}
				for v, err := range c.List(t.Context(), q) {
					require.NoError(t, err)
					seen[v.ID]++
				}
				require.Len(t, seen, len(l.created))
				for id, n := range seen {
					require.Equal(t, 2, n, id)
				}
			})
		}
	}
}

func TestAScrollIsFollowedAndTakenUpWhenItExpires(t *testing.T) {
	l := bulk(1234, 7)
	l.scroll, l.expires = true, 5
	s := serve(t, l.answer)
	seen := map[video.ID]int{}
	for f, err := range s.client(t).Search(t.Context(), video.Query{OldestFirst: true}) {
		require.NoError(t, err)
		seen[f.Video.ID]++
	}
	require.Len(t, seen, 1234)
	require.Greater(t, l.scrolled, 8)
	require.LessOrEqual(t, len(s.calls("SearchMedia")), 1234/100+4)
}

func TestNothingIsSkippedOrDoubledWhileMediaComeAndGo(t *testing.T) {
	l := bulk(500, 3)
	c := serve(t, l.answer).client(t)
	seen := map[video.ID]int{}
	n := 0
	for f, err := range c.Search(t.Context(), video.Query{}) {
		require.NoError(t, err)
		seen[f.Video.ID]++
		n++
		delete(l.created, string(f.Video.ID))                                                         // what a purge does
		l.created[fmt.Sprintf("new%d", n)] = start.Add(time.Hour).Add(time.Duration(n) * time.Second) // and uploads
	}
	require.Len(t, seen, 500)
}

func TestASearchGoesOnWhereItStopped(t *testing.T) {
	l := bulk(260, 7)
	c := serve(t, l.answer).client(t)
	var all []video.ID
	var after string
	for range 20 {
		n := 0
		for f, err := range c.Search(t.Context(), video.Query{After: after}) {
			require.NoError(t, err)
			all, after = append(all, f.Video.ID), f.Position
			if n++; n == 13 {
				break
			}
		}
	}
	require.Len(t, all, 260)
	require.Len(t, slices.Compact(slices.Sorted(slices.Values(all))), 260)
}

func TestASearchComparesTagsExactly(t *testing.T) {
	l := bulk(3, 1)
	l.tags = map[string]string{"m00000": "tmpfoo", "m00001": "a,tmp", "m00002": "tmp2"}
	s := serve(t, l.answer)
	var got []video.ID
	for f, err := range s.client(t).Search(t.Context(), video.Query{Tags: []string{"tmp"}, CreatedFrom: start, CreatedTo: start.Add(time.Hour), Statuses: []video.Status{"Normal", "Checking"}}) {
		require.NoError(t, err)
		got = append(got, f.Video.ID)
	}
	require.Equal(t, []video.ID{"m00001"}, got)
	require.Equal(t, "Status in ('Normal','Checking') and Tags='tmp' and CreationTime=['2026-01-01T00:00:00Z','2026-01-01T00:59:59Z']", s.calls("SearchMedia")[0].params.Get("Match"))
}
