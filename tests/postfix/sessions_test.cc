#include "plugins/postfix/sessions.h"

#include <gtest/gtest.h>

namespace restante::postfix {
namespace {

TEST(PolicySettingsTest, WithoutDomainsEveryRecipientIsCovered) {
  EXPECT_TRUE(IsCovered({}, "ann@example.org"));
  EXPECT_TRUE(IsCovered({}, "ann"));
}

TEST(PolicySettingsTest, DomainsAreComparedWithoutCase) {
  const PolicySettings settings{.domains = {"example.org"}};
  EXPECT_TRUE(IsCovered(settings, "ann@Example.ORG"));
  EXPECT_TRUE(IsCovered(settings, "\"a@b\"@example.org"));
  EXPECT_FALSE(IsCovered(settings, "ann@example.net"));
  EXPECT_FALSE(IsCovered(settings, "ann@sub.example.org"));
  EXPECT_FALSE(IsCovered(settings, "ann"));
}

}  // namespace
}  // namespace restante::postfix
