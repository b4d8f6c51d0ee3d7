package fakevod

import (
	"encoding/json"
	"maps"
	"slices"
	"strconv"
	"time"
)

// This file holds jobs: transcoding again, analysis and review. Each is done when the
// call that submits it is answered; what it found is what Findings says.

// Jobs are those that were done on an asset, the newest last, and what the next finds.
// They are never changed in place.
type Jobs struct {
	Tasks    []Task            `json:",omitempty"` // transcodings
	AI       []AIJob           `json:",omitempty"` // analyses and reviews
	Review   json.RawMessage   `json:",omitempty"` // what the last review found; empty: never reviewed
	Details  []json.RawMessage `json:",omitempty"` // what it found in each picture that it took
	Findings Findings          `json:",omitzero"`
}

func (a *Asset) jobs() Jobs {
	if a.Jobs == nil {
		return Jobs{}
	}
	return *a.Jobs
}

// did adds a transcoding.
func (a *Asset) did(t Task) {
	j := a.jobs()
	j.Tasks = append(slices.Clone(j.Tasks), t)
	a.Jobs = &j
}

// Task is one transcoding of an asset, with the streams that it made.
type Task struct {
	ID       string
	Template string
	Trigger  string // Upload, API
	Created  time.Time
	Streams  []Stream
}

// Findings are what analysis and review find in an asset, as VOD's answers have it; the
// local cloud looks at no picture itself.
type Findings struct {
	VideoTagResult   json.RawMessage `json:",omitempty"` // of AIVideoTag
	MediaAuditResult json.RawMessage `json:",omitempty"` // of a review
	// MediaAuditResultDetail are the entries of a review's List, one for each picture.
	MediaAuditResultDetail []json.RawMessage `json:",omitempty"`
}

// SetFindings says what the jobs on an asset find from now on; false when there is none.
func (s *Server) SetFindings(id string, f Findings) bool {
	found := false
	refused := s.write(s.opt.Now(), func(ch *change) *fault {
		if a := s.lib.assets[id]; a != nil {
			found = true
			b := *a
			j := a.jobs()
			j.Findings = f
			b.Jobs = &j
			ch.put(&b)
		}
		return nil
	})
	return found && refused == nil
}

// AIJob is one job of analysis or review that has been done.
type AIJob struct {
	ID      string
	Type    string // AIVideoTag, AIMediaDNA, AIMediaAudit
	Data    json.RawMessage
	Created time.Time
}

func submitTranscodeJobs(s *Server, c *call) (any, *fault) {
	group := c.q.Get("TemplateGroupId")
	t, known := s.template(group)
	if !known || group == NoTranscode {
		return nil, refuse(404, "NoSuchResource", "The specified resource TemplateGroupId does not exist.")
	}
	out := reply{}
	return out, s.write(c.now, func(ch *change) *fault {
		a, refused := s.video(c, c.q.Get("VideoId"))
		if refused != nil {
			return refused
		}
		if !slices.Contains([]string{"UploadSucc", "TranscodeFail", "Normal", "Checking", "Blocked"}, a.Status) {
			return refuse(400, "Forbidden.IllegalStatus", "Status of the video is illegal.")
		}
		if a.Source == nil || a.Source.Status == "Deleted" {
			return refuse(404, "NoSuchResource", "The specified resource source does not exist.")
		}
		if refused := s.unread(a, ch.now); refused != nil {
			return refused
		}
		ch.read(a)
		b := a.full().edit(ch.now)
		b.Made = 0
		made := b.transcode(t, ch.now, s.newID)
		b.Streams = append(superseded(b.Streams, made), made...)
		task := Task{s.newID(), group, "API", ch.now, made}
		b.did(task)
		if b.Status != "Blocked" && b.Status != "Checking" {
			b.Status = "Normal"
		}
		ch.put(b)
		s.tellTranscoded(ch, c.asking(b), made, false)
		var jobs []map[string]string
		for _, st := range made {
			jobs = append(jobs, map[string]string{"JobId": st.JobID})
		}
		out["TranscodeTaskId"], out["TranscodeJobs"] = task.ID, map[string]any{"TranscodeJob": jobs}
		return nil
	})
}

// superseded are older streams beside newer ones: of the same definition and format the
// newest alone is visible.
func superseded(old, made []Stream) []Stream {
	old = slices.Clone(old)
	for i, st := range old {
		old[i].Invisible = st.Invisible || slices.ContainsFunc(made, func(n Stream) bool {
			return n.Definition == st.Definition && n.Format == st.Format && n.Encrypted == st.Encrypted
		})
	}
	return old
}

// lastYear is how long VOD shows a transcoding.
const lastYear = 365 * 24 * time.Hour

type jobWire struct {
	TranscodeJobID                                                       string `json:"TranscodeJobId"`
	TranscodeTemplateID                                                  string `json:"TranscodeTemplateId"`
	TranscodeJobStatus, Priority, Definition, CreationTime, CompleteTime string
	InputFileURL                                                         string `json:"InputFileUrl"`
	TranscodeProgress                                                    int64
	OutputFile                                                           outputWire
}

type outputWire struct {
	Format, Fps, Bitrate, Width, Height, Duration, Encryption string
	OutputFileURL                                             string `json:"OutputFileUrl"`
	Filesize                                                  int64
}

func (s *Server) job(a *Asset, t Task, st Stream) jobWire {
	w := jobWire{
		TranscodeJobID: st.JobID, TranscodeTemplateID: t.Template, TranscodeJobStatus: "TranscodeSuccess", Priority: "6", Definition: st.Definition,
		CreationTime: stamp(t.Created), CompleteTime: stamp(t.Created), TranscodeProgress: 100,
		OutputFile: outputWire{Format: st.Format, Fps: text(st.FPS), Bitrate: text(st.Bitrate), Width: strconv.Itoa(st.Width), Height: strconv.Itoa(st.Height),
			Duration: text(st.Duration), OutputFileURL: s.host() + a.streamKey(st), Filesize: st.Size},
	}
	if a.Source != nil {
		w.InputFileURL = s.host() + a.Source.Key
	}
	return w
}

func (s *Server) task(a *Asset, t Task, jobs bool) map[string]any {
	out := map[string]any{"TranscodeTaskId": t.ID, "VideoId": a.ID, "TranscodeTemplateGroupId": t.Template, "Trigger": t.Trigger,
		"TaskStatus": "CompleteAllSucc", "CreationTime": stamp(t.Created), "CompleteTime": stamp(t.Created)}
	if jobs {
		list := []jobWire{}
		for _, st := range t.Streams {
			list = append(list, s.job(a, t, st))
		}
		out["TranscodeJobInfoList"] = list
	}
	return out
}

// tasks calls see with every task that the caller may see, until it says stop; the caller
// holds s.mu.
func (s *Server) tasks(c *call, see func(*Asset, Task) (stop bool)) {
	for _, a := range s.lib.assets {
		if c.sees(a) && slices.ContainsFunc(a.jobs().Tasks, func(t Task) bool { return see(a, t) }) {
			return
		}
	}
}

func getTranscodeTask(s *Server, c *call) (any, *fault) {
	id, ids := c.q.Get("TranscodeTaskId"), c.list("JobIds")
	s.mu.RLock()
	defer s.mu.RUnlock()
	out := reply{}
	switch {
	case id != "":
		s.tasks(c, func(a *Asset, t Task) bool {
			if t.ID == id {
				out["TranscodeTask"] = s.task(a, t, true)
			}
			return t.ID == id
		})
		if out["TranscodeTask"] == nil {
			return nil, refuse(404, "NoSuchResource", "The specified resource TranscodeTaskId does not exist.")
		}
	case len(ids) > 0:
		jobs := map[string]jobWire{}
		s.tasks(c, func(a *Asset, t Task) bool {
			for _, st := range t.Streams {
				if slices.Contains(ids, st.JobID) {
					jobs[st.JobID] = s.job(a, t, st)
				}
			}
			return len(jobs) == len(ids)
		})
		out["TranscodeJobInfoList"], out["NonExistJobIds"] = inOrder(ids, jobs)
	default:
		return nil, missingParam("TranscodeTaskId")
	}
	return out, nil
}

// inOrder are the found ones of a list of ids, in its order, and the others.
func inOrder[T any](ids []string, found map[string]T) ([]T, []string) {
	list, missing := []T{}, []string{}
	for _, id := range ids {
		if one, ok := found[id]; ok {
			list = append(list, one)
		} else {
			missing = append(missing, id)
		}
	}
	return list, missing
}

func listTranscodeTask(s *Server, c *call) (any, *fault) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	a, refused := s.video(c, c.q.Get("VideoId"))
	if refused != nil {
		return nil, refused
	}
	from, to := c.time("StartTime"), c.time("EndTime")
	list := []map[string]any{}
	for _, t := range slices.Backward(a.jobs().Tasks) {
		if !t.Created.Before(from) && (to.IsZero() || t.Created.Before(to)) && c.now.Sub(t.Created) <= lastYear {
			list = append(list, s.task(a, t, false))
		}
	}
	return reply{"TranscodeTaskList": page(c, list)}, nil
}

type summaryWire struct {
	TranscodeTemplateID                                                                                       string `json:"TranscodeTemplateId"`
	TranscodeJobStatus, CreationTime, CompleteTime, Format, Fps, Bitrate, Width, Height, Duration, Definition string
	TranscodeProgress, Filesize                                                                               int64
}

// getTranscodeSummary sums up the newest transcoding of each video, of the last year. That
// an older one is left out, and not shown too, is not documented.
func getTranscodeSummary(s *Server, c *call) (any, *fault) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	list, missing := []map[string]any{}, []string{}
	for _, id := range c.list("VideoIds") {
		a, refused := s.video(c, id)
		if refused != nil {
			missing = append(missing, id)
			continue
		}
		tasks := a.jobs().Tasks
		if len(tasks) == 0 || c.now.Sub(tasks[len(tasks)-1].Created) > lastYear {
			continue
		}
		t := tasks[len(tasks)-1]
		jobs := []summaryWire{}
		for _, st := range t.Streams {
			w := s.job(a, t, st)
			o := w.OutputFile
			jobs = append(jobs, summaryWire{w.TranscodeTemplateID, w.TranscodeJobStatus, w.CreationTime, w.CompleteTime, o.Format, o.Fps, o.Bitrate, o.Width, o.Height,
				o.Duration, w.Definition, w.TranscodeProgress, o.Filesize})
		}
		list = append(list, map[string]any{"VideoId": id, "Trigger": t.Trigger, "TranscodeStatus": "CompleteAllSucc", "TranscodeTemplateGroupId": t.Template,
			"CreationTime": stamp(t.Created), "CompleteTime": stamp(t.Created), "TranscodeJobInfoSummaryList": jobs})
	}
	return reply{"TranscodeSummaryList": list, "NonExistVideoIds": missing}, nil
}

// page cuts the page out of a list that a call asks for.
func page[T any](c *call, list []T) []T {
	total := int64(len(list))
	from := min((c.number("PageNo")-1)*c.number("PageSize"), total)
	return list[from:min(from+c.number("PageSize"), total)]
}

// finding is what a type of job finds in an asset.
func (a *Asset) finding(kind string) json.RawMessage {
	f := a.jobs().Findings
	found := map[string]json.RawMessage{"AIVideoTag": f.VideoTagResult, "AIMediaAudit": f.MediaAuditResult, "AIMediaDNA": json.RawMessage(`{"VideoDNA":[]}`)}[kind]
	switch {
	case len(found) > 0:
		return found
	case kind == "AIMediaAudit": // a review always comes to a verdict
		return json.RawMessage(`{"Suggestion":"pass","Label":"normal"}`)
	}
	return json.RawMessage(`{}`)
}

// asking is an asset as the notifications of one job see it: what the job's UserData asks
// for goes before what the upload's did, and ends with the job (vod-events.md section 7).
func (c *call) asking(a *Asset) *Asset {
	all := map[string]json.RawMessage{}
	for _, text := range []string{a.UserData, c.q.Get("UserData")} {
		var one map[string]json.RawMessage
		if json.Unmarshal([]byte(text), &one) == nil { // what is no object asks for nothing
			maps.Copy(all, one)
		}
	}
	b := *a
	b.UserData = string(marshal(all))
	return &b
}

// analyse does a job on an asset and tells of it.
func (ch *change) analyse(c *call, b *Asset, kind string) AIJob {
	j := AIJob{ch.s.newID(), kind, b.finding(kind), ch.now}
	jobs := b.jobs()
	jobs.AI = append(slices.Clone(jobs.AI), j)
	b.Jobs = &jobs
	var data any = string(j.Data)
	switch kind {
	case "AIVideoTag":
		b.AITags = j.Data
	case "AIMediaAudit": // an object, where the others have a text (vod-events.md)
		jobs.Review, jobs.Details, data = j.Data, jobs.Findings.MediaAuditResultDetail, j.Data
	}
	told := c.asking(b)
	ch.tell(told, ch.s.note(told, kind+"Complete", ch.now, map[string]any{"JobId": j.ID, "MediaId": b.ID, "Code": "0", "Message": "OK", "Data": data}))
	return j
}

// submitAIJob analyses an asset. Without Types it is smart tagging: what the service does
// then is not documented.
func submitAIJob(s *Server, c *call) (any, *fault) {
	kinds := c.list("Types")
	if len(kinds) == 0 {
		kinds = []string{"AIVideoTag"}
	}
	var jobs []map[string]string
	refused := s.write(c.now, func(ch *change) *fault {
		a, refused := s.video(c, c.q.Get("MediaId"))
		if refused != nil {
			return refused
		}
		b := *a
		for _, kind := range kinds {
			jobs = append(jobs, map[string]string{"JobId": ch.analyse(c, &b, kind).ID, "MediaId": b.ID, "Type": kind})
		}
		ch.put(&b)
		return nil
	})
	return reply{"AIJobList": map[string]any{"AIJob": jobs}}, refused
}

// jobsOf finds jobs of analysis by their ids; the caller holds s.mu.
func (s *Server) jobsOf(c *call, ids []string, show func(*Asset, AIJob) map[string]any) map[string]map[string]any {
	out := map[string]map[string]any{}
	for _, a := range s.lib.assets {
		for _, j := range a.jobs().AI {
			if slices.Contains(ids, j.ID) && c.sees(a) {
				out[j.ID] = show(a, j)
			}
		}
	}
	return out
}

func showJob(a *Asset, j AIJob) map[string]any {
	return map[string]any{"JobId": j.ID, "MediaId": a.ID, "Type": j.Type, "Status": "success", "Code": "0", "Message": "OK", "Data": string(j.Data),
		"CreationTime": stamp(j.Created), "CompleteTime": stamp(j.Created)}
}

func listAIJob(s *Server, c *call) (any, *fault) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	ids := c.list("JobIds")
	list, missing := inOrder(ids, s.jobsOf(c, ids, showJob))
	return reply{"AIJobList": map[string]any{"AIJob": list}, "NonExistAIJobIds": map[string]any{"String": missing}}, nil
}

// reviewed finds what may be reviewed: a video, an audio or an image.
func (s *Server) reviewed(c *call) (*Asset, *fault) {
	a := s.look(c, c.q.Get("MediaId"))
	switch {
	case a == nil || a.Kind == "attached":
		return nil, noVideo
	case !c.sees(a):
		return nil, forbidden
	}
	return a, nil
}

func submitAIMediaAuditJob(s *Server, c *call) (any, *fault) {
	out := reply{"MediaId": c.q.Get("MediaId")}
	return out, s.write(c.now, func(ch *change) *fault {
		a, refused := s.reviewed(c)
		if refused != nil {
			return refused
		}
		b := *a
		out["JobId"] = ch.analyse(c, &b, "AIMediaAudit").ID
		ch.put(&b)
		return nil
	})
}

func getAIMediaAuditJob(s *Server, c *call) (any, *fault) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	id := c.q.Get("JobId")
	found := s.jobsOf(c, []string{id}, func(a *Asset, j AIJob) map[string]any {
		out := showJob(a, j)
		out["Data"] = j.Data
		return out
	})
	if found[id] == nil {
		return nil, refuse(404, "NoSuchResource", "The specified resource JobId does not exist.")
	}
	return reply{"MediaAuditJob": found[id]}, nil
}

// getMediaAuditResult answers the last review. Of a media that was never reviewed it is
// empty: what the service says then is not documented.
func getMediaAuditResult(s *Server, c *call) (any, *fault) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	a, refused := s.reviewed(c)
	if refused != nil {
		return nil, refused
	}
	result := a.jobs().Review
	if len(result) == 0 {
		result = json.RawMessage(`{}`)
	}
	return reply{"MediaAuditResult": result}, nil
}

// getMediaAuditResultDetail answers what the last review found in each picture, 20 a page.
func getMediaAuditResultDetail(s *Server, c *call) (any, *fault) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	a, refused := s.video(c, c.q.Get("MediaId"))
	if refused != nil {
		return nil, refused
	}
	all := append([]json.RawMessage{}, a.jobs().Details...) // a list also when it is empty
	from := min((c.number("PageNo")-1)*20, int64(len(all)))
	return reply{"MediaAuditResultDetail": map[string]any{"Total": len(all), "List": all[from:min(from+20, int64(len(all)))]}}, nil
}
