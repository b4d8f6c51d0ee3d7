package state

import (
	"cmp"
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"iter"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"syscall"

	"vodcurator/shared/video"
)

// drafts is where objects are written before they get their key. No key begins
// with a dot, so nothing there is ever listed.
const drafts = ".drafts"

// folder is the form for one machine. A key is a path below root, which the
// operating system does not let us leave, not even by a symbolic link.
type folder struct{ root *os.Root }

func openFolder(dir string, readOnly bool) (*folder, error) {
	if dir == "" {
		return nil, fmt.Errorf("%w: no folder given", video.ErrInvalid)
	}
	dir, err := filepath.Abs(dir)
	if err != nil {
		return nil, err
	}
	if !readOnly {
		if err := os.Mkdir(dir, 0o700); err != nil && !errors.Is(err, fs.ErrExist) {
			return nil, kindOf(err)
		}
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		return nil, kindOf(err)
	}
	if !readOnly {
		if err := root.Mkdir(drafts, 0o700); err != nil && !errors.Is(err, fs.ErrExist) {
			return nil, errors.Join(kindOf(err), root.Close())
		}
	}
	return &folder{root}, nil
}

func (f *folder) close() error { return f.root.Close() }

func (f *folder) Read(_ context.Context, key string) ([]byte, error) {
	body, err := f.root.ReadFile(key)
	if errors.Is(err, syscall.EISDIR) || errors.Is(err, syscall.ENOTDIR) {
		err = fs.ErrNotExist // the folder of other keys, or below an object
	}
	return body, kindOf(err)
}

// readNewer compares what is there: reading it costs no request, and times of files are too
// coarse to tell two versions apart.
func (f *folder) readNewer(ctx context.Context, key, have string) (body []byte, version string, err error) {
	if body, err = f.Read(ctx, key); err != nil {
		return nil, "", err
	}
	sum := sha256.Sum256(body)
	if version = hex.EncodeToString(sum[:]); version == have {
		body = nil
	}
	return body, version, nil
}

// Create writes a draft, brings it to the disk and only then gives it its key:
// link(2) fails when the key is taken, and there is no moment at which half an
// object has one. A process killed before that leaves a draft, which is nothing.
func (f *folder) Create(_ context.Context, key string, body []byte) error {
	draft, err := f.draft(body)
	if err != nil {
		return kindOf(err)
	}
	defer f.root.Remove(draft) //nolint:errcheck // a draft left behind harms nobody
	if err := f.makeDirs(path.Dir(key)); err != nil {
		return kindOf(err)
	}
	switch err := f.root.Link(draft, key); {
	case errors.Is(err, fs.ErrExist):
		if info, err := f.root.Lstat(key); err == nil && info.IsDir() {
			return fmt.Errorf("%w: it is the folder of other keys", video.ErrInvalid)
		}
		return ErrExists
	case err != nil:
		return kindOf(err)
	}
	return kindOf(f.sync(path.Dir(key)))
}

// replace gives a draft the key of another object. A reader sees the one or the other.
func (f *folder) replace(key string, body []byte) error {
	draft, err := f.draft(body)
	if err != nil {
		return kindOf(err)
	}
	defer f.root.Remove(draft) //nolint:errcheck // it is the object by then, or harms nobody
	if err := f.makeDirs(path.Dir(key)); err != nil {
		return kindOf(err)
	}
	if err := f.root.Rename(draft, key); err != nil {
		return kindOf(err)
	}
	return kindOf(f.sync(path.Dir(key)))
}

func (f *folder) draft(body []byte) (name string, err error) {
	name = drafts + "/" + rand.Text()
	file, err := f.root.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return "", err
	}
	_, err = file.Write(body)
	if err = errors.Join(err, file.Sync(), file.Close()); err != nil {
		return "", errors.Join(err, f.root.Remove(name))
	}
	return name, nil
}

// makeDirs makes dir and brings each new entry to the disk, or a power cut could
// take a whole folder of objects that were reported as created.
func (f *folder) makeDirs(dir string) error {
	if dir == "." {
		return nil
	}
	err := f.root.Mkdir(dir, 0o700)
	if errors.Is(err, fs.ErrNotExist) {
		if err := f.makeDirs(path.Dir(dir)); err != nil {
			return err
		}
		err = f.root.Mkdir(dir, 0o700)
	}
	if errors.Is(err, fs.ErrExist) {
		return nil
	}
	return cmp.Or(err, f.sync(path.Dir(dir)))
}

func (f *folder) sync(dir string) error {
	d, err := f.root.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}

func (f *folder) remove(_ context.Context, key string) error {
	if info, err := f.root.Lstat(key); err == nil && info.IsDir() {
		return nil
	}
	return kindOf(f.root.Remove(key))
}

func (f *folder) List(ctx context.Context, prefix, after string) iter.Seq2[string, error] {
	return func(yield func(string, error) bool) { f.walk(ctx, "", prefix, after, yield) }
}

// walk yields the keys below dir ("" or ending in a slash) and says whether to
// go on. A folder sorts as its name with a slash, as its keys do: "a-b" comes
// before "a/b", although "a" comes before "a-b".
func (f *folder) walk(ctx context.Context, dir, prefix, after string, yield func(string, error) bool) bool {
	if err := ctx.Err(); err != nil {
		yield("", err)
		return false
	}
	entries, err := fs.ReadDir(f.root.FS(), path.Clean(dir+"."))
	if err != nil {
		if dir != "" && errors.Is(err, fs.ErrNotExist) {
			return true // removed since its parent was read
		}
		yield("", kindOf(err))
		return false
	}
	names := keysOf(entries, dir, prefix, after)
	for _, name := range names {
		if strings.HasSuffix(name, "/") {
			if !f.walk(ctx, name, prefix, after, yield) {
				return false
			}
		} else if !yield(name, nil) {
			return false
		}
	}
	return true
}

// keysOf are the keys of a folder's entries behind a key, sorted, and the folders in which
// there may be some.
func keysOf(entries []fs.DirEntry, dir, prefix, after string) []string {
	names := make([]string, 0, len(entries))
	for _, e := range entries {
		switch name := dir + e.Name(); {
		case e.Name()[0] == '.':
		case e.IsDir():
			name += "/"
			inside := strings.HasPrefix(name, prefix) || strings.HasPrefix(prefix, name)
			if inside && (name > after || strings.HasPrefix(after, name)) {
				names = append(names, name)
			}
		case strings.HasPrefix(name, prefix) && name > after:
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names
}

// kindOf adds the kind that a caller may ask for to what the system said.
func kindOf(err error) error {
	var kind error
	switch {
	case err == nil:
		return nil
	case errors.Is(err, fs.ErrNotExist):
		kind = video.ErrNotFound
	case errors.Is(err, syscall.EROFS):
		kind = ErrReadOnly
	case errors.Is(err, fs.ErrPermission):
		kind = video.ErrForbidden
	case errors.Is(err, syscall.ENOSPC), errors.Is(err, syscall.EDQUOT):
		kind = ErrFull
	case errors.Is(err, syscall.ENOTDIR):
		kind = fmt.Errorf("%w: a part of the key is an object itself", video.ErrInvalid)
	default:
		return err
	}
	return fmt.Errorf("%w: %w", kind, err)
}
