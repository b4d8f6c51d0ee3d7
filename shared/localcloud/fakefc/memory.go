package fakefc

import (
	"fmt"
	"time"
)

// memoryPoll is how often a busy process's memory is looked at. What it used between two
// looks is seen as well, where the system keeps the highest mark.
const memoryPoll = 50 * time.Millisecond

// groupPoll is at every how many looks its children are counted, too.
const groupPoll = 4

const mb = 1 << 20

// watchMemory ends a process that uses more than its function's memory, as the platform
// does. It returns when the process has ended.
func (i *instance) watchMemory() {
	ticker := time.NewTicker(memoryPoll)
	defer ticker.Stop()
	for n := 0; ; n++ {
		select {
		case <-i.exited:
			return
		case <-ticker.C:
			i.mu.Lock()
			busy := i.open.id != ""
			i.mu.Unlock()
			if busy { // a frozen one does not grow
				i.overMemory(n%groupPoll == 0)
			}
		}
	}
}

// overMemory says whether the process, with its children if they are to be counted, has
// used more than its function's memory, and ends it then. What it has used at most is
// noted with the call being served.
func (i *instance) overMemory(children bool) bool {
	used := memoryOf(i.pid)
	if children {
		used = max(used, memoryOfGroup(i.pid))
	}
	i.mu.Lock()
	rec := i.rec
	i.mu.Unlock()
	rec.mu.Lock()
	rec.inv.Memory = max(rec.inv.Memory, int((used+mb-1)/mb))
	rec.mu.Unlock()
	if i.f.s.opt.FreeMemory || used <= int64(i.f.Memory)*mb {
		return false
	}
	i.kill(fmt.Sprintf("over its memory of %d MB with %d MB", i.f.Memory, (used+mb-1)/mb))
	return true
}
