#pragma once

#include "kernel/rtnetlink.h"
#include "lib/failure.h"

/*
 * Ours by its alias; without any alias a link of exactly that name and kind is ours too, as an ADD that was
 * cut short leaves it.
 */
bool is_ours(const struct link *link, const char *kind);

/*
 * What DEL does without the agent: deletes the attachment's veth, and the ifb that limits what its pod sends
 * (agent/plan/pods/ifb.ts), if there is one. Elements of its host ports lead nowhere then; the agent deletes
 * them when it comes.
 */
enum outcome remove_host_link(const char *container_id, const char *ifname);
