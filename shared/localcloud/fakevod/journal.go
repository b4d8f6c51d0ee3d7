package fakevod

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
)

// entry is one thing that a call changed: a line of the journal and of a snapshot.
// Exactly one of its subjects is set.
type entry struct {
	Seq      uint64    `json:",omitempty"`
	Asset    *Asset    `json:",omitempty"`
	Removed  string    `json:",omitempty"`
	Category *Category `json:",omitempty"`
	CateGone int64     `json:",omitempty"`
	App      string    `json:",omitempty"`
	Callback *Callback `json:",omitempty"` // of App
	View     *View     `json:",omitempty"` // the sum of its media and day
	Refresh  *refresh  `json:",omitempty"`
	Use      *dayUse   `json:",omitempty"`
}

// journal keeps the library in a folder: snapshot.jsonl holds everything up to a
// sequence number, journal.jsonl what came after, in lines that are on the disk
// before a call is answered.
type journal struct {
	dir     string
	file    *os.File
	seq     uint64
	written int64 // bytes since the last snapshot
	// snapshot is the size of that: a large library is not written anew for little.
	snapshot int64
	closed   bool
}

// maxJournal is when a new snapshot is due.
const maxJournal = 64 << 20

// record writes entries and waits until they are on the disk; the caller holds s.mu.
func (s *Server) record(entries []entry) error {
	j := s.journal
	if j == nil || len(entries) == 0 {
		return nil
	}
	if j.closed {
		return errors.New("the journal is closed")
	}
	var buf []byte
	for _, e := range append(entries, s.lib.bill.journaled()...) {
		j.seq++
		e.Seq = j.seq
		line, err := json.Marshal(e)
		if err != nil {
			return err
		}
		buf = append(append(buf, line...), '\n')
	}
	if _, err := j.file.Write(buf); err != nil {
		return err
	}
	if err := j.file.Sync(); err != nil {
		return err
	}
	if j.written += int64(len(buf)); j.written > max(maxJournal, j.snapshot) {
		return s.compact()
	}
	return nil
}

// compact writes a snapshot and begins a new journal; the caller holds s.mu. A kill
// between the two leaves lines that the snapshot has already: they are passed over.
func (s *Server) compact() error {
	j := s.journal
	if j == nil {
		return nil
	}
	path := filepath.Join(j.dir, "snapshot.jsonl")
	if err := s.dump(path); err != nil {
		return err
	}
	info, err := os.Stat(path)
	if err != nil {
		return err
	}
	j.snapshot, s.lib.bill.kept = info.Size(), len(s.lib.bill.days)
	return j.begin()
}

// begin starts an empty journal: the snapshot holds everything.
func (j *journal) begin() error {
	if j.file != nil {
		if err := j.file.Close(); err != nil {
			return err
		}
	}
	f, err := os.OpenFile(filepath.Join(j.dir, "journal.jsonl"), os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	j.file, j.written = f, 0
	return errors.Join(f.Sync(), syncDir(j.dir))
}

// dump writes the whole library to a file, whole or not at all.
func (s *Server) dump(path string) error {
	f, err := os.CreateTemp(filepath.Dir(path), "new-")
	if err != nil {
		return err
	}
	defer func() { _ = os.Remove(f.Name()) }() // nothing there any more when all went well
	w := bufio.NewWriterSize(f, 1<<20)
	enc := json.NewEncoder(w)
	var seq uint64
	if s.journal != nil {
		seq = s.journal.seq
	}
	err = enc.Encode(entry{Seq: seq})
	for _, c := range s.lib.categories {
		err = errors.Join(err, enc.Encode(entry{Category: &c}))
	}
	for app, cb := range s.lib.callbacks {
		err = errors.Join(err, enc.Encode(entry{App: app, Callback: &cb}))
	}
	for _, job := range s.refreshes.jobs {
		for _, r := range job {
			err = errors.Join(err, enc.Encode(entry{Refresh: &r}))
		}
	}
	for _, day := range s.lib.views {
		for _, v := range day {
			err = errors.Join(err, enc.Encode(entry{View: &v}))
		}
	}
	for _, d := range s.lib.bill.days {
		d.At = s.lib.bill.at
		err = errors.Join(err, enc.Encode(entry{Use: &d}))
	}
	for _, a := range s.lib.assets {
		if err == nil {
			err = enc.Encode(entry{Asset: a})
		}
	}
	if err = errors.Join(err, w.Flush(), f.Sync(), f.Close()); err != nil {
		return err
	}
	if err := os.Rename(f.Name(), path); err != nil {
		return err
	}
	return syncDir(filepath.Dir(path))
}

var snapshotName = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$`)

func (s *Server) named(name string) (string, error) {
	if !snapshotName.MatchString(name) {
		return "", fmt.Errorf("snapshot name %q: letters, digits, dots, - and _ only", name)
	}
	return filepath.Join(s.opt.Dir, "snapshots", name+".jsonl"), nil
}

// SaveAs keeps the present state under a name, in place of an older one: in Dir
// when there is one, else in memory.
func (s *Server) SaveAs(name string) error {
	path, err := s.named(name)
	if err != nil {
		return err
	}
	if s.opt.Dir == "" {
		st := s.Snapshot()
		s.mu.Lock()
		defer s.mu.Unlock()
		if s.saved == nil {
			s.saved = map[string]*State{}
		}
		s.saved[name] = st
		return nil
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return err
	}
	s.mu.RLock()
	defer s.mu.RUnlock()
	return s.dump(path)
}

// Load puts the state back that SaveAs kept under a name.
func (s *Server) Load(name string) error {
	path, err := s.named(name)
	if err != nil {
		return err
	}
	if s.opt.Dir == "" {
		s.mu.RLock()
		st := s.saved[name]
		s.mu.RUnlock()
		if st == nil {
			return fmt.Errorf("snapshot %q: %w", name, fs.ErrNotExist)
		}
		return s.Restore(st)
	}
	if _, err := os.Stat(path); err != nil {
		return err
	}
	fresh := &Server{opt: s.opt, lib: newLibrary()}
	if _, err := fresh.replay(path, 0); err != nil {
		return err
	}
	return s.Restore(fresh.Snapshot())
}

// Saved lists the names under which states are kept.
func (s *Server) Saved() ([]string, error) {
	if s.opt.Dir == "" {
		s.mu.RLock()
		defer s.mu.RUnlock()
		return slices.Sorted(maps.Keys(s.saved)), nil
	}
	files, err := filepath.Glob(filepath.Join(s.opt.Dir, "snapshots", "*.jsonl"))
	for i, f := range files {
		files[i] = strings.TrimSuffix(filepath.Base(f), ".jsonl")
	}
	return files, err
}

func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}

// openJournal reads what an earlier run left and goes on from there.
func (s *Server) openJournal() error {
	if s.opt.Dir == "" {
		return nil
	}
	if err := os.MkdirAll(s.opt.Dir, 0o700); err != nil {
		return fmt.Errorf("fakevod: %w", err)
	}
	s.journal = &journal{dir: s.opt.Dir}
	seq, err := s.replay(filepath.Join(s.opt.Dir, "snapshot.jsonl"), 0)
	if err == nil {
		s.journal.seq, err = s.replay(filepath.Join(s.opt.Dir, "journal.jsonl"), seq)
	}
	if err != nil {
		return fmt.Errorf("fakevod: state in %s: %w", s.opt.Dir, err)
	}
	s.lib.rebuild()
	s.lib.bill.kept = len(s.lib.bill.days)
	if seq > 0 && seq == s.journal.seq { // nothing has come after the snapshot
		return s.journal.begin()
	}
	return s.compact()
}

// replay applies the lines of a file that come after a sequence number. The last
// line may be cut off: a call that was never answered.
func (s *Server) replay(path string, after uint64) (uint64, error) {
	f, err := os.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		return after, nil
	}
	if err != nil {
		return 0, err
	}
	defer func() { _ = f.Close() }()
	r := bufio.NewReaderSize(f, 1<<20)
	last := after
	for n := 1; ; n++ {
		line, err := r.ReadBytes('\n')
		if errors.Is(err, io.EOF) {
			return last, nil // with or without a torn line
		}
		if err != nil {
			return 0, err
		}
		var e entry
		if err := json.Unmarshal(line, &e); err != nil {
			return 0, fmt.Errorf("%s line %d: %w", filepath.Base(path), n, err)
		}
		if e.Seq != 0 {
			if e.Seq <= after && after != 0 {
				continue
			}
			last = max(last, e.Seq)
		}
		s.apply(e)
	}
}

func (s *Server) apply(e entry) {
	l := &s.lib
	switch {
	case e.Asset != nil:
		l.assets[e.Asset.ID] = e.Asset
	case e.Removed != "":
		delete(l.assets, e.Removed)
	case e.Category != nil:
		l.categories[e.Category.ID] = *e.Category
		l.nextCate = max(l.nextCate, e.Category.ID+1)
	case e.CateGone != 0:
		delete(l.categories, e.CateGone)
	case e.Refresh != nil:
		s.refreshes.add(*e.Refresh)
	case e.Use != nil:
		l.bill.replayed(*e.Use)
	case e.Callback != nil:
		l.callbacks[e.App] = *e.Callback
	case e.View != nil:
		if l.views[e.View.Date] == nil {
			l.views[e.View.Date] = map[string]View{}
		}
		l.views[e.View.Date][e.View.ID] = *e.View
	}
}

func (s *Server) closeJournal() error {
	j := s.journal
	if j == nil || j.closed {
		return nil
	}
	j.closed = true
	err := s.compact()
	return errors.Join(err, j.file.Close())
}
