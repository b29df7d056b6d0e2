/* shop.h - the world of the bus companies: travellers who book online and at counters, and change
 * their minds. It asks the same endpoints as the pages, as a device that is signed in. */
#ifndef FRESHET_APPS_TRIPS_SHOP_H
#define FRESHET_APPS_TRIPS_SHOP_H

#include "host/app.h"

/* One act: a booking, a refund, or a halt. */
void shop_play(struct world *world, void *memory);

#endif
