package fakevod

import (
	"cmp"
	"maps"
	"slices"
	"strconv"
	"time"
)

// View is what one media was played on one day. VOD counts days in Beijing.
type View struct {
	ID           string
	Date         string // 2026-01-31
	VV           int64  // plays
	UV           int64  // viewers
	Milliseconds int64  // played in all
}

// days of the statistics are Beijing's, which has no summer time.
var beijing = time.FixedZone("Asia/Shanghai", 8*3600)

// dayOf is the day of the statistics that a moment is in.
func dayOf(t time.Time) string { return t.In(beijing).Format(time.DateOnly) }

// AddViews counts plays: those of one media and day are added up. A view without a date
// is of the library's present day.
func (s *Server) AddViews(views ...View) {
	_ = s.write(s.opt.Now(), func(ch *change) *fault { // a failing journal is in the log
		for _, v := range views {
			v.Date = cmp.Or(v.Date, dayOf(s.opt.Now()))
			day := maps.Clone(s.lib.views[v.Date]) // a snapshot may hold the old one
			if day == nil {
				day = map[string]View{}
			}
			old := day[v.ID]
			v.VV, v.UV, v.Milliseconds = v.VV+old.VV, v.UV+old.UV, v.Milliseconds+old.Milliseconds
			day[v.ID] = v
			s.lib.views[v.Date] = day
			ch.entries = append(ch.entries, entry{View: &v})
		}
		return nil
	})
}

// counted says whether the statistics of a day are there: those of the day before are
// made at nine in Beijing.
func counted(day string, now time.Time) bool {
	t, err := time.ParseInLocation(time.DateOnly, day, beijing)
	return err == nil && !now.Before(t.Add(33*time.Hour))
}

const (
	topVideos   = 1000
	mostDays    = 180
	onlyHere    = "cn-shanghai" // the region that has statistics
	statsBegins = "2018-01-01"
)

var noSuchAPI = refuse(404, "InvalidApi.NotFound", "Specified api is not found, please check your url and method.")

func describePlayTopVideos(s *Server, c *call) (any, *fault) {
	if s.opt.Region != onlyHere {
		return nil, noSuchAPI
	}
	day := dayOf(c.time("BizDate"))
	s.mu.RLock()
	defer s.mu.RUnlock()
	var all []View
	if counted(day, c.now) {
		all = slices.SortedFunc(maps.Values(s.lib.views[day]), func(a, b View) int {
			return cmp.Or(cmp.Compare(b.VV, a.VV), cmp.Compare(a.ID, b.ID))
		})
	}
	all = all[:min(topVideos, len(all))]
	list := []map[string]string{}
	for _, v := range page(c, all) {
		w := v.wire(s)
		w["VideoId"] = v.ID
		list = append(list, w)
	}
	return reply{"PageNo": c.number("PageNo"), "PageSize": c.number("PageSize"), "TotalNum": len(all), "TopPlayVideos": map[string]any{"TopPlayVideoStatis": list}}, nil
}

// wire has numbers as texts, as the service does; the title is the present one.
func (v View) wire(s *Server) map[string]string {
	out := map[string]string{"VV": strconv.FormatInt(v.VV, 10), "UV": strconv.FormatInt(v.UV, 10), "PlayDuration": strconv.FormatInt(v.Milliseconds, 10)}
	if a := s.lib.assets[v.ID]; a != nil {
		out["Title"] = a.Title
	}
	return out
}

// span reads the days from StartTime to EndTime, both included.
func (c *call) span() ([]string, *fault) {
	from, to := c.time("StartTime"), c.time("EndTime")
	if to.Before(from) {
		return nil, invalidParam("EndTime")
	}
	if to.Sub(from) > mostDays*24*time.Hour {
		return nil, refuse(400, "InvalidTimeSpan", "The time span exceeds the limit.") // the code is not documented
	}
	var out []string
	for last := dayOf(to); ; from = from.Add(24 * time.Hour) {
		day := dayOf(from)
		if day > last {
			return out, nil
		}
		if day >= statsBegins && counted(day, c.now) {
			out = append(out, day)
		}
	}
}

// eachDay shows the plays of every day that a call asks for and that is counted.
func (s *Server) eachDay(c *call, see func(day string, plays map[string]View)) *fault {
	if s.opt.Region != onlyHere {
		return noSuchAPI
	}
	days, refused := c.span()
	if refused != nil {
		return refused
	}
	s.mu.RLock()
	defer s.mu.RUnlock()
	for _, day := range days {
		see(day, s.lib.views[day])
	}
	return nil
}

func describePlayVideoStatis(s *Server, c *call) (any, *fault) {
	list := []map[string]string{}
	refused := s.eachDay(c, func(day string, plays map[string]View) {
		if v, ok := plays[c.q.Get("VideoId")]; ok {
			w := v.wire(s)
			w["Date"] = day // newer texts show 20170120, older ones 2017-01-20
			list = append(list, w)
		}
	})
	return reply{"VideoPlayStatisDetails": map[string]any{"VideoPlayStatisDetail": list}}, refused
}

// describePlayUserTotal adds up each day. It knows no platforms: all plays are HTML5's.
func describePlayUserTotal(s *Server, c *call) (any, *fault) {
	list := []map[string]any{}
	refused := s.eachDay(c, func(day string, plays map[string]View) {
		var sum View
		for _, v := range plays {
			sum.VV, sum.UV, sum.Milliseconds = sum.VV+v.VV, sum.UV+v.UV, sum.Milliseconds+v.Milliseconds
		}
		if sum.VV > 0 {
			list = append(list, map[string]any{"Date": day, "PlayDuration": strconv.FormatInt(sum.Milliseconds, 10),
				"VV": map[string]string{"HTML5": strconv.FormatInt(sum.VV, 10)}, "UV": map[string]string{"HTML5": strconv.FormatInt(sum.UV, 10)}})
		}
	})
	return reply{"UserPlayStatisTotals": map[string]any{"UserPlayStatisTotal": list}}, refused
}

// Views lists the plays of all days, in the order of days and media.
func (s *Server) Views() []View {
	s.mu.RLock()
	defer s.mu.RUnlock()
	var out []View
	for _, day := range s.lib.views {
		out = slices.AppendSeq(out, maps.Values(day))
	}
	slices.SortFunc(out, func(a, b View) int { return cmp.Or(cmp.Compare(a.Date, b.Date), cmp.Compare(a.ID, b.ID)) })
	return out
}
