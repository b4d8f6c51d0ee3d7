package fakevod

import (
	"encoding/json"
	"fmt"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
)

// This file holds what media management needs beside reading, changing and
// deleting: snapshots, smart tags, and purging what a CDN holds.

func listSnapshots(s *Server, c *call) (any, *fault) {
	id := c.q.Get("VideoId")
	kind := c.choice("SnapshotType")
	page := c.number("PageNo")
	size := c.number("PageSize")
	s.mu.RLock()
	defer s.mu.RUnlock()
	a, refused := s.video(c, id)
	if refused != nil {
		return nil, refused
	}
	if !slices.Contains([]string{"UploadSucc", "Normal", "Checking", "Blocked"}, a.Status) {
		return nil, refuse(400, "Forbidden.IllegalStatus", "Status of the video is illegal.")
	}
	i := slices.IndexFunc(a.Snapshots, func(j SnapshotJob) bool { return kind == "" || j.Type == kind })
	if i < 0 {
		return nil, refuse(404, "NoSuchResource", "The specified resource snapshot does not exist.")
	}
	job := a.Snapshots[i]
	type picture struct {
		Index int64
		URL   string `json:"Url"`
	}
	list := []picture{}
	only := *a
	only.Snapshots = []SnapshotJob{job}
	for n, u := range s.snapshotURLs(&only, job.Type) {
		if int64(n) >= (page-1)*size && int64(n) < page*size {
			if c.q.Get("AuthTimeout") != "" {
				u = s.lasting("oss", u, c.number("AuthTimeout"))
			}
			list = append(list, picture{int64(n + 1), u})
		}
	}
	return reply{"MediaSnapshot": map[string]any{"Total": job.Count, "JobId": job.JobID, "CreationTime": stamp(job.Created),
		"Regular": s.host() + a.snapshotFormat(job), "Snapshots": map[string]any{"Snapshot": list}}}, nil
}

// submitSnapshotJob takes pictures at fixed distances. It is done at once; templates,
// sizes and sprites are not emulated.
func submitSnapshotJob(s *Server, c *call) (any, *fault) {
	job := map[string]string{}
	refused := s.write(c.now, func(ch *change) *fault {
		a, refused := s.video(c, c.q.Get("VideoId"))
		if refused != nil {
			return refused
		}
		if !slices.Contains([]string{"UploadSucc", "Transcoding", "TranscodeFail", "Normal", "Checking", "Blocked"}, a.Status) {
			return refuse(400, "Forbidden.IllegalStatus", "Status of the video is illegal.")
		}
		if a.Source == nil || a.Source.Status == "Deleted" {
			return refuse(404, "NoSuchResource", "The specified resource source does not exist.")
		}
		if refused := s.unread(a, ch.now); refused != nil {
			return refused
		}
		ch.read(a)
		n := c.number("Count")
		if every, left := c.number("Interval"), a.Duration-float64(c.number("SpecifiedOffsetTime"))/1000; every > 0 && a.Duration > 0 {
			n = max(1, min(n, int64(left)/every+1))
		}
		b := a.full().edit(ch.now)
		made := SnapshotJob{"NormalSnapshot", s.newID(), int(n), ch.now}
		b.Made, b.Snapshots = 0, append([]SnapshotJob{made}, b.Snapshots...) // the newest of its type is the one that is listed
		ch.put(b)
		only := *b
		only.Snapshots = []SnapshotJob{made}
		told := c.asking(&only)
		ch.tell(told, s.snapshotNote(told, ch.now, "SpecifiedTime"))
		job["JobId"] = made.JobID
		return nil
	})
	return reply{"SnapshotJob": job}, refused
}

func getAIVideoTagResult(s *Server, c *call) (any, *fault) {
	id := c.q.Get("MediaId")
	s.mu.RLock()
	defer s.mu.RUnlock()
	a, refused := s.video(c, id)
	if refused != nil {
		return nil, refused
	}
	tags := a.AITags
	if len(tags) == 0 {
		tags = json.RawMessage(`{}`)
	}
	return reply{"VideoTagResult": tags}, nil
}

// refresh is one media of a RefreshMediaPlayUrls job.
type refresh struct {
	MediaRefreshJobID string `json:"MediaRefreshJobId"`
	MediaID           string `json:"MediaId"`
	TaskType          string
	FilterPolicy      string
	Status            string
	SuccessPlayUrls   string
	TaskIDs           string `json:"TaskIds"`
	UserData          string `json:",omitempty"`
	GmtCreate         string
	GmtModified       string
}

// refreshes are jobs and quotas of CDN purges; the quotas begin anew with a restart.
type refreshes struct {
	jobs  map[string][]refresh
	tasks int64
	day   string
	files int
	dirs  int
}

// add keeps what was done for one media; it is called by a call and by what it left.
func (f *refreshes) add(r refresh) {
	if f.jobs == nil {
		f.jobs = map[string][]refresh{}
	}
	f.jobs[r.MediaRefreshJobID] = append(f.jobs[r.MediaRefreshJobID], r)
	if r.TaskIDs != "" {
		f.tasks += int64(1 + strings.Count(r.TaskIDs, ","))
	}
}

func refreshMediaPlayUrls(s *Server, c *call) (any, *fault) {
	ids := c.list("MediaIds")
	task := c.choice("TaskType")
	result := c.choice("ResultType")
	slice := c.choice("SliceFlag")
	var job string
	var missing, hidden []string
	refused := s.write(c.now, func(ch *change) *fault {
		job = s.newID()
		for _, id := range ids {
			a, no := s.video(c, id)
			switch {
			case no == forbidden:
				hidden = append(hidden, id)
				continue
			case no != nil:
				missing = append(missing, id)
				continue
			}
			r := refresh{MediaRefreshJobID: job, MediaID: id, TaskType: task, Status: "success", UserData: c.q.Get("UserData"), GmtCreate: stamp(ch.now), GmtModified: stamp(ch.now),
				FilterPolicy: fmt.Sprintf(`{"SliceFlag":%s,"ResultType":%q}`, slice, result)}
			var urls, tasks []string
			for _, st := range a.Streams {
				if c.wants("Formats", st.Format) && c.wants("Definitions", st.Definition) && c.wants("StreamType", st.kind()) && (result == "Multiple" || !st.Invisible) {
					urls = append(urls, s.host()+a.streamKey(st))
					tasks = append(tasks, strconv.FormatInt(14621028990+s.refreshes.tasks+int64(len(urls)), 10))
				}
			}
			r.SuccessPlayUrls, r.TaskIDs = strings.Join(urls, ","), strings.Join(tasks, ",")
			s.refreshes.add(r)
			ch.entries = append(ch.entries, entry{Refresh: &r})
			told := c.asking(a)
			ch.tell(told, s.note(told, "SubmitMediaRefreshComplete", ch.now, map[string]any{"MediaRefreshJobId": job, "MediaId": id, "TaskType": strings.ToLower(task),
				"SuccessPlayUrls": r.SuccessPlayUrls, "TaskIds": r.TaskIDs, "FilterPolicy": r.FilterPolicy}))
		}
		return nil
	})
	// Strings here, lists everywhere else (vod-api.md 4.7).
	return reply{"MediaRefreshJobId": job, "NonExistMediaIds": strings.Join(missing, ","), "ForbiddenMediaIds": strings.Join(hidden, ",")}, refused
}

func getMediaRefreshJobs(s *Server, c *call) (any, *fault) {
	job := c.q.Get("MediaRefreshJobId")
	s.mu.RLock()
	defer s.mu.RUnlock()
	out := []refresh{}
	for _, r := range s.refreshes.jobs[job] {
		if id := c.q.Get("MediaId"); id == "" || id == r.MediaID {
			out = append(out, r)
		}
	}
	return reply{"MediaRefreshJobs": out}, nil
}

const (
	filesADay = 2000
	dirsADay  = 100
)

func refreshVodObjectCaches(s *Server, c *call) (any, *fault) {
	if s.opt.Region != "cn-shanghai" {
		return nil, noSuchAPI
	}
	text := c.q.Get("ObjectPath")
	kind := c.choice("ObjectType")
	paths := strings.FieldsFunc(text, func(r rune) bool { return r == '\n' || r == '\r' })
	for _, p := range paths {
		u, err := url.Parse(strings.TrimSpace(p))
		if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" || kind == "Directory" && !strings.HasSuffix(u.Path, "/") {
			return nil, refuse(400, "InvalidObjectPath.Malformed", "The specific value of parameter ObjectPath is malformed.")
		}
		if u.Host != s.storage() && !slices.Contains(s.opt.Domains, u.Host) {
			return nil, refuse(404, "InvalidDomain.NotFound", "The domain provided does not belong to you.")
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	q := &s.refreshes
	if day := c.now.Format(time.DateOnly); q.day != day {
		q.day, q.files, q.dirs = day, 0, 0
	}
	used, most := &q.files, filesADay
	if kind == "Directory" {
		used, most = &q.dirs, dirsADay
	}
	if *used+len(paths) > most {
		return nil, refuse(400, "QuotaExceeded.Refresh", "You've exceeded the prescribed refresh limits.")
	}
	*used += len(paths)
	q.tasks++
	return reply{"RefreshTaskId": strconv.FormatInt(14621028990+q.tasks, 10)}, nil
}
